package imagefetch

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vision/internal/fault"
	"vision/internal/picture"
	"vision/internal/pipes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnlyPublicAddresses(t *testing.T) {
	for _, s := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.5.5", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::7f00:1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
		"2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "fec0::1", "4000::1",
	} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s passes for public", s)
		}
	}
	for _, s := range []string{"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111", "2a00:1450:4001::1"} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s does not pass for public", s)
		}
	}
	var never netip.Addr
	if public(never) {
		t.Error("no address passes for public")
	}
}

var file = picture.PNG(image.NewGray(image.Rect(0, 0, 20, 10)))

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func whole(w http.ResponseWriter, _ *http.Request) { w.Write(file) }

// refused wants an error of the customer's that says something.
func refused(t *testing.T, f *Fetcher, link, says string) {
	t.Helper()
	got, err := f.Fetch(t.Context(), link)
	if fault.KindOf(err) != fault.Invalid || got != nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %d bytes, %v; want a mistake that says %q", link, len(got), err, says)
	}
}

func TestFetch(t *testing.T) {
	f := New(Config{Private: true, Bytes: 4096, Timeout: 3 * time.Second, Redirects: 2})
	var seen http.Header
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		switch r.URL.Path {
		case "/ok":
			whole(w, r)
		case "/again":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/large":
			w.Write(append(bytes.Clone(file), make([]byte, 5000)...))
		case "/endless":
			for range 100 {
				w.Write(append(bytes.Clone(file), make([]byte, 1000)...))
				w.(http.Flusher).Flush()
			}
		case "/text":
			w.Header().Set("Content-Type", "image/png")
			io.WriteString(w, "<html>not a picture</html>")
		default:
			http.NotFound(w, r)
		}
	})
	for _, path := range []string{"/ok", "/again"} {
		if got, err := f.Fetch(t.Context(), base+path); err != nil || !bytes.Equal(got, file) {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	if seen.Get("Referer") != "" || seen.Get("Cookie") != "" || seen.Get("Authorization") != "" || seen.Get("Accept-Encoding") != "" {
		t.Errorf("the server was told %v", seen)
	}
	refused(t, f, base+"/loop", "too often")
	refused(t, f, base+"/elsewhere", "cannot be used")
	refused(t, f, base+"/large", "more than 4096 bytes")
	refused(t, f, base+"/endless", "more than 4096 bytes")
	refused(t, f, base+"/text", "PNG, JPEG")
	refused(t, f, base+"/none", "status 404")
	refused(t, f, strings.Replace(base, "http://", "http://user:pass@", 1)+"/ok", "user name")
	refused(t, f, "http://", "no host")
	refused(t, f, "http://[::1", "not a URL")
	refused(t, f, "ftp://example.com/a.png", "neither http nor https")
}

// What is not public is never connected to: not by its number, not in disguise,
// not by a name, not by a redirect.
func TestPrivateAddressesAreNotDialled(t *testing.T) {
	var hits atomic.Int32
	base := serve(t, func(w http.ResponseWriter, r *http.Request) { hits.Add(1); whole(w, r) })
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	f := New(Config{Timeout: 3 * time.Second})
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1"} {
		_, err := f.Fetch(t.Context(), "http://"+host+":"+u.Port()+"/x")
		if fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", host, err)
		}
	}
	refused(t, f, base, "not public")
	if n := hits.Load(); n != 0 {
		t.Errorf("the server on loopback was reached %d times", n)
	}
}

// A name that is public when it is looked at and private when it is dialled
// is judged when it is dialled: control sees the number itself.
func TestRebindingIsSeenAtTheDial(t *testing.T) {
	f := New(Config{})
	for address, want := range map[string]bool{
		"8.8.8.8:80": true, "127.0.0.1:80": false, "[::ffff:10.0.0.1]:443": false, "[fe80::1%lo]:80": false, "example.com:80": false,
	} {
		if err := f.control("tcp4", address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := f.control("udp4", "8.8.8.8:53", nil); err == nil {
		t.Error("a datagram would be sent")
	}
}

// What this host listens to on its public addresses is not reached through it.
func TestTheHostsOwnAddressesAreNotDialled(t *testing.T) {
	addresses := func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.ParseIP("8.8.4.4"), Mask: net.CIDRMask(24, 32)},
			&net.IPNet{IP: net.ParseIP("2606:4700::1111"), Mask: net.CIDRMask(64, 128)},
		}, nil
	}
	f := New(Config{})
	f.own = addresses
	for address, want := range map[string]bool{
		"8.8.4.4:80": false, "[::ffff:8.8.4.4]:80": false, "[64:ff9b::808:404]:80": false, "[2606:4700::1111]:443": false,
		"8.8.4.5:80": true, "[2606:4700::1112]:443": true,
	} {
		if err := f.control("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	f.own = func() ([]net.Addr, error) { return nil, net.ErrClosed }
	if f.control("tcp", "8.8.4.5:80", nil) == nil {
		t.Error("not knowing its own addresses it connects to any")
	}
	f = New(Config{Private: true})
	f.own = addresses
	if err := f.control("tcp", "8.8.4.4:80", nil); err != nil {
		t.Errorf("a network on one machine: %v", err)
	}
}

// Nobody learns from errors what there is in a network.
func TestFailuresToConnectReadAlike(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + nobody.Addr().String() + "/x"
	nobody.Close()
	plain := serve(t, whole)
	redirecting := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, closed, http.StatusFound) })
	any, open := New(Config{Private: true, Timeout: 5 * time.Second}), New(Config{Timeout: 5 * time.Second})
	slow := New(Config{Private: true, Timeout: 50 * time.Millisecond})
	over := make(chan struct{})
	defer close(over)
	slow.client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
		<-over // a transport's dials outlive the requests that wait for them
		return nil, net.ErrClosed
	}
	var first string
	for _, c := range []struct {
		name, link string
		f          *Fetcher
	}{
		{"a refused address", plain, open},
		{"a closed port", closed, any},
		{"a closed port after a redirect", redirecting, any},
		{"no such name", "http://pictures.invalid/x", any},
		{"no TLS", strings.Replace(plain, "http:", "https:", 1), any},
		{"no answer to the dial", plain, slow},
	} {
		_, err := c.f.Fetch(t.Context(), c.link)
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var told *fault.Error
		errors.As(err, &told)
		if first == "" {
			first = told.Message
		}
		if told.Message != first {
			t.Errorf("%s: %q, and others %q", c.name, told.Message, first)
		}
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	var hits atomic.Int32
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { hits.Add(1); whole(w, r) })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := New(Config{Timeout: time.Second}).Fetch(ctx, "http://pictures.invalid/x.png"); err == nil || hits.Load() > 0 {
		t.Errorf("the proxy was asked %d times: %v", hits.Load(), err)
	}
}

func TestSlowServersAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes.Net
		server := &httptest.Server{Listener: network.Listen(), Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write(file[:20])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})}}
		server.Start()
		defer server.Close()
		fetcher := func(timeout time.Duration) *Fetcher {
			f := New(Config{Private: true, Timeout: timeout, AtOnce: 1})
			f.client.Transport.(*http.Transport).DialContext = network.DialContext
			return f
		}
		f := fetcher(150 * time.Millisecond)
		refused(t, f, server.URL, "within 150ms")
		// Nor does one wait for ever behind another.
		hang := make(chan error)
		slow := fetcher(500 * time.Millisecond)
		for range 2 {
			go func() { _, err := slow.Fetch(t.Context(), server.URL); hang <- err }()
		}
		begun := time.Now()
		kinds := map[fault.Kind]int{}
		for range 2 {
			kinds[fault.KindOf(<-hang)]++
		}
		if took := time.Since(begun); kinds[fault.Invalid]+kinds[fault.Unavailable] != 2 || took > 500*time.Millisecond {
			t.Errorf("after %v errors by kind: %v", took, kinds)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Fetch(ctx, server.URL); err == nil {
			t.Error("a cancelled fetch went on")
		}
	})
}

// A fetch that is cancelled while it waits for its turn is no sign of too many: another of the request's links failed.
func TestCancelledWaitsAreNoOverload(t *testing.T) {
	f := New(Config{AtOnce: 1, Private: true})
	f.turns <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Fetch(ctx, "http://192.0.2.1/x.png"); fault.KindOf(err) != fault.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestBrokenServers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"+string(file))
			c.Close()
		}
	}()
	refused(t, New(Config{Private: true}), "http://"+l.Addr().String(), "could not be reached, or broke off")
	l.Close()
	<-stopped
	refused(t, New(Config{Private: true}), "http://"+l.Addr().String(), "could not be connected to")
}
