package transport

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"vision/internal/hotkey"
)

// Clients makes HTTP calls to many neurons over kept connections: one pool, in
// which a connection belongs to an address and a hotkey together.
type Clients struct {
	pool *http.Transport
}

// NewClients returns clients that connect by d, over HTTP/1.1. It trusts peers
// with nothing: no proxy from the environment, no decompression, no redirect
// followed, headers of at most 64 KiB. Bodies are the caller's to bound, and
// deadlines come from each request's context.
func NewClients(d *Dialer) *Clients {
	own := *d
	own.NextProtos = []string{"http/1.1"}
	return &Clients{pool: &http.Transport{
		DialTLSContext: func(ctx context.Context, _, pooled string) (net.Conn, error) {
			address, want, err := splitPooled(pooled)
			if err != nil {
				return nil, err
			}
			conn, err := own.Dial(ctx, address, want)
			if err != nil {
				return nil, err
			}
			return &judged{Conn: conn}, nil
		},
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, fmt.Errorf("plain HTTP is not allowed between neurons")
		},
		DisableCompression:     true,
		MaxIdleConns:           4096,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}}
}

// For returns a client that talks to want only, wherever its URLs
// (https://host:port/...) point. Making one is cheap: they share the pool.
// Where the peer refuses us, its errors wrap ErrRefused. Response.TLS is nil: the
// peer is want, or there is no response.
func (c *Clients) For(want hotkey.ID) *http.Client {
	return &http.Client{
		Transport:     bound{c.pool, want},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes the idle connections. Requests may still be made.
func (c *Clients) Close() { c.pool.CloseIdleConnections() }

type bound struct {
	pool *http.Transport
	want hotkey.ID
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, fmt.Errorf("call %s: the URL's scheme is %q, want https", b.want, r.URL.Scheme)
	}
	// The pool's key is the URL's host: put the hotkey into it.
	inner, url := *r, *r.URL
	url.Host = joinPooled(r.URL.Hostname(), r.URL.Port(), b.want)
	inner.URL = &url
	if inner.Host == "" {
		inner.Host = r.URL.Host
	}
	response, err := b.pool.RoundTrip(&inner)
	if err != nil {
		if Refused(err) {
			err = fmt.Errorf("%w (%w)", ErrRefused, err)
		}
		return nil, err
	}
	response.Request = r
	return response, nil
}

// judged remembers that the server refused us. http.Transport reads and writes
// in two goroutines, and where the reader meets the refusal it closes the
// connection under the writer, whose error would otherwise be the one reported.
type judged struct {
	*tls.Conn
	refusal atomic.Pointer[error]
}

func (j *judged) Read(b []byte) (int, error) {
	n, err := j.Conn.Read(b)
	if err != nil && Refused(err) {
		j.refusal.Store(&err)
	}
	return n, err
}

func (j *judged) Write(b []byte) (int, error) {
	n, err := j.Conn.Write(b)
	if refusal := j.refusal.Load(); err != nil && refusal != nil {
		err = *refusal
	}
	return n, err
}

func joinPooled(host, port string, id hotkey.ID) string {
	if port == "" {
		port = "443"
	}
	return hex.EncodeToString([]byte(host)) + "." + hex.EncodeToString(id[:]) + ":" + port
}

func splitPooled(pooled string) (address string, id hotkey.ID, err error) {
	name, port, err := net.SplitHostPort(pooled)
	if err != nil {
		return "", id, err
	}
	hostHex, idHex, _ := strings.Cut(name, ".")
	host, err := hex.DecodeString(hostHex)
	if err != nil {
		return "", id, err
	}
	raw, err := hex.DecodeString(idHex)
	if err != nil || len(raw) != len(id) {
		return "", id, fmt.Errorf("pool key %q lacks a hotkey", pooled)
	}
	return net.JoinHostPort(string(host), port), hotkey.ID(raw), nil
}
