package pipes

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/hotkey"
)

// A server and a client of net/http work over it, and their hour passes at once.
func TestNetIsANetworkInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network Net
		l := network.Listen()
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Hour)
			_, _ = io.Copy(w, r.Body)
		})}
		ended := make(chan error)
		go func() { ended <- server.Serve(l) }()
		transport := &http.Transport{DialContext: network.DialContext}
		begun := time.Now()
		resp, err := (&http.Client{Transport: transport}).Post("http://"+l.Addr().String(), "", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if took := time.Since(begun); string(body) != "hello" || err != nil || took != time.Hour {
			t.Errorf("%q, %v after %v", body, err, took)
		}
		transport.CloseIdleConnections()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != http.ErrServerClosed {
			t.Error(err)
		}
		if _, err := network.Dial(t.Context(), l.Addr().String(), hotkey.ID{}); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialling who has closed: %v", err)
		}
	})
}

func TestDialsFailAsOnANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network Net
		var op *net.OpError
		if _, err := network.Dial(t.Context(), "127.0.0.1:1", hotkey.ID{}); !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &op) {
			t.Errorf("dialling nobody: %v", err)
		}
		one, other := network.Listen(), network.Listen()
		if one.Addr().String() == other.Addr().String() {
			t.Errorf("two listeners at %v", one.Addr())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := network.Dial(ctx, one.Addr().String(), hotkey.ID{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dialling who does not accept: %v", err)
		}
		go func() { _, _ = network.Dial(t.Context(), other.Addr().String(), hotkey.ID{}) }()
		c, err := other.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading what nobody says: %v", err)
		}
		other.Close()
		other.Close()
		if _, err := other.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepting from what is closed: %v", err)
		}
	})
}
