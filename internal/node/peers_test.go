package node

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/report"
	"vision/internal/scorer"
	"vision/internal/transport"
)

// Over real connections: a peer's report is kept and compared, and whatever else
// somebody serves in its place is not.
func TestReportsOfPeers(t *testing.T) {
	peer, stranger, miner := key(2), key(3), key(4)
	pages := reportPages{last: scorer.NewExplainer(reporting(t, peer, miner))}
	var answers atomic.Pointer[http.Handler]
	serve := func(h http.Handler) { answers.Store(&h) }
	serve(pages)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*answers.Load()).ServeHTTP(w, r) })}
	go server.Serve(transport.Listen(inner, identity(t, 2).ServerTLS(func(hotkey.ID) error { return nil }), transport.Limits{}, nil))
	t.Cleanup(func() { server.Close() })

	v := Validator{base: &base{}, config: ValidatorDefaults(), store: reporting(t, key(1), miner)}
	v.clients = transport.NewClients(&transport.Dialer{Identity: identity(t, 1)})
	t.Cleanup(v.clients.Close)
	p := ReportPeer{Address: inner.Addr().String(), Hotkey: peer.ID()}
	kept := func() (n int) {
		t.Helper()
		list, err := v.store.Reports(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if r.Validator == peer.ID() {
				n++
			}
		}
		return n
	}

	says := func(status int, body []byte) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write(body)
		})
	}
	others, err := reporting(t, stranger, miner).Reports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, err := scorer.NewExplainer(reporting(t, peer, miner)).Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	early, err := report.Read(own.Body)
	if err != nil {
		t.Fatal(err)
	}
	early.At = time.Now().AddDate(1, 0, 0)
	future, err := report.Sign(early, peer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		answer     http.Handler
	}{
		{"a report of next year", "ahead: one of the two clocks is wrong", says(http.StatusOK, future)},
		{"no report yet", "404", says(http.StatusNotFound, nil)},
		{"another's report", "it is the report of " + stranger.ID().String(), says(http.StatusOK, others[0].Body)},
		{"an altered report", "did not sign", says(http.StatusOK, bytes.Replace(own.Body, []byte(`"period":7`), []byte(`"period":8`), 1))},
		{"no JSON", "a report", says(http.StatusOK, []byte("hello"))},
		{"no end", "more than", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for line := bytes.Repeat([]byte("x"), 1<<20); ; {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		})},
	} {
		serve(c.answer)
		if _, err := v.fetchReport(t.Context(), p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	// Nor is it waited for longer than we want to.
	asked := make(chan struct{})
	serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := v.fetchReport(ctx, p); err == nil {
		t.Error("silence was taken for a report")
	}
	if _, err := v.fetchReport(t.Context(), ReportPeer{Address: p.Address, Hotkey: stranger.ID()}); err == nil {
		t.Error("somebody else answered at the peer's address, and was asked")
	}
	if n := kept(); n != 0 {
		t.Fatalf("%d reports were kept of what is none", n)
	}

	serve(pages)
	if differs, err := v.fetchReport(t.Context(), p); err != nil || differs != "" {
		t.Errorf("%q, %v", differs, err)
	}
	v.config.Mechanism.Parameters = map[string]float64{"beacons": 1}
	if differs, err := v.fetchReport(t.Context(), p); err != nil || !strings.Contains(differs, "beacons is 4, not 1") {
		t.Errorf("%q, %v", differs, err)
	}
	if n := kept(); n != 1 {
		t.Errorf("%d reports are kept of the peer", n)
	}
}
