package local_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vision/internal/chain"
	"vision/internal/chain/chaintest"
	"vision/internal/chain/local"
	"vision/internal/hotkey"
)

// remote is a client with all that it needs on the other side.
type remote struct {
	*local.Client
	server *httptest.Server
	ledger *local.Ledger
}

func (r *remote) Close() error {
	return errors.Join(r.Client.Close(), closeServer(r.server), r.ledger.Close())
}

func closeServer(s *httptest.Server) error { s.Close(); return nil }

func TestServedLedger(t *testing.T) {
	chaintest.Run(t, func(t *testing.T, w *chaintest.World) chain.Ledger {
		l := open(t, w)
		server := httptest.NewServer(local.NewServer(l, slog.New(slog.DiscardHandler)))
		c, err := local.Dial(t.Context(), server.URL, w.Clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		return &remote{c, server, l}
	})
}

// serve serves a devnet with a registered miner and records what is posted.
func serve(t *testing.T) (n *net, c *local.Client, last func() []byte) {
	n = start(t, nil)
	n.register("miner", 0)
	handler := local.NewServer(n.Ledger, slog.New(slog.DiscardHandler))
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.Method == http.MethodPost {
			body = raw
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c, err := local.Dial(t.Context(), server.URL, n.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return n, c, func() []byte { return body }
}

// post sends a body to the calls' address of n's own new or given server.
func post(t *testing.T, h http.Handler, body []byte) (status int, refused *chain.Refused) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/calls", bytes.NewReader(body)))
	var result struct{ Refused *chain.Refused }
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &result); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
	}
	return w.Code, result.Refused
}

func TestRegisterFromAnotherProcess(t *testing.T) {
	n, c, _ := serve(t)
	key := chaintest.Key("joiner")
	uid, err := c.Register(t.Context(), key, chaintest.Key("cold").ID())
	if err != nil || uid != 1 {
		t.Fatalf("uid %d, %v", uid, err)
	}
	if again, err := c.Register(t.Context(), key, hotkey.ID{}); err != nil || again != uid {
		t.Errorf("again: uid %d, %v", again, err)
	}
	if got := n.of("joiner"); got.UID != uid || got.Coldkey != chaintest.Key("cold").ID() {
		t.Errorf("%+v", got)
	}
}

func TestCallsAreGoodOnceForAMinuteAndOneNetwork(t *testing.T) {
	n, c, last := serve(t)
	if err := c.Announce(t.Context(), chaintest.Key("miner"), "192.0.2.1:1"); err != nil {
		t.Fatal(err)
	}
	recorded := last()
	if err := c.Announce(t.Context(), chaintest.Key("miner"), "192.0.2.2:2"); err != nil {
		t.Fatal(err)
	}
	h := local.NewServer(n.Ledger, slog.New(slog.DiscardHandler))
	try := func(what string, body []byte, want chain.Reason) {
		t.Helper()
		status, refused := post(t, h, body)
		if status != http.StatusOK || refused == nil || refused.Reason != want {
			t.Errorf("%s: status %d, %v; want %v", what, status, refused, want)
		}
		if at := n.of("miner").Endpoint; at != "192.0.2.2:2" {
			t.Fatalf("%s: the miner moved to %s", what, at)
		}
	}

	// Another's signature, and other words under the same signature.
	var e map[string]any
	if err := json.Unmarshal(recorded, &e); err != nil {
		t.Fatal(err)
	}
	edited := func(key string, value any) []byte {
		was := e[key]
		defer func() { e[key] = was }()
		e[key] = value
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	try("another's name", edited("Hotkey", chaintest.Key("other").ID()), chain.BadSignature)
	try("other words", edited("Call", []byte(`{"Network":"devnet","Netuid":19,"Do":"announce","Endpoint":"6.6.6.6:6"}`)), chain.BadSignature)
	try("no signature", edited("Signature", []byte{}), chain.BadSignature)

	// A server that started after the call was signed cannot know whether it was made.
	n.clock.Advance(time.Second)
	h = local.NewServer(n.Ledger, slog.New(slog.DiscardHandler))
	try("a replay after the server started again", recorded, chain.BadSignature)

	n.clock.Advance(2 * time.Minute)
	try("a stale call", recorded, chain.BadSignature)
}

func TestAReplayIsRefusedWhileFresh(t *testing.T) {
	n, c, last := serve(t)
	h := local.NewServer(n.Ledger, slog.New(slog.DiscardHandler))
	if err := c.Announce(t.Context(), chaintest.Key("miner"), "192.0.2.1:1"); err != nil {
		t.Fatal(err)
	}
	recorded := last()
	if _, refused := post(t, h, recorded); refused != nil {
		t.Fatalf("its first time at this server: %v", refused)
	}
	if _, refused := post(t, h, recorded); refused == nil || refused.Reason != chain.BadSignature {
		t.Errorf("its second time: %v", refused)
	}
}

func TestCallsForAnotherNetworkAreRefused(t *testing.T) {
	_, c, last := serve(t)
	if err := c.Announce(t.Context(), chaintest.Key("miner"), "192.0.2.1:1"); err != nil {
		t.Fatal(err)
	}
	other := start(t, func(cfg *local.Config) { cfg.Netuid = 20 })
	other.register("miner", 0)
	h := local.NewServer(other.Ledger, slog.New(slog.DiscardHandler))
	if _, refused := post(t, h, last()); refused == nil || !strings.Contains(refused.Error(), "netuid 19") {
		t.Errorf("%v", refused)
	}
	if at := other.of("miner").Endpoint; at != "" {
		t.Errorf("the miner is at %s", at)
	}
}

func TestServerFailuresShowNothingInternal(t *testing.T) {
	n := start(t, nil)
	h := local.NewServer(n.Ledger, slog.New(slog.DiscardHandler))
	for _, body := range []string{"", "{", "[]", `{"Hotkey":"x"}`, strings.Repeat("a", 1<<20)} {
		if status, _ := post(t, h, []byte(body)); status != http.StatusBadRequest {
			t.Errorf("%.20q: status %d", body, status)
		}
	}
	n.Close()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/snapshot", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "closed") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestDialInsistsOnLoopback(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:1", "http://192.0.2.1:1", "http://localhost:1", "https://127.0.0.1:1", "http://127.0.0.1", "http://127.0.0.1:1/x", "http://u@127.0.0.1:1"} {
		if _, err := local.Dial(t.Context(), base, time.Now); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestClientDistrustsAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON": "hello", "no rules": "{}", "twins": `{"BlockTime":1,"Tempo":1,"Neurons":[{"UID":1},{"UID":1}]}`,
		"bad hash": `{"BlockTime":1,"Tempo":1,"BlockHash":"00"}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
		if c, err := local.Dial(t.Context(), server.URL, time.Now); err == nil {
			t.Errorf("%s passes", name)
			c.Close()
		}
		server.Close()
	}
}

func FuzzServer(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"Hotkey":"5CP5gDkXf4rmeN1R5CbTHESAtYbyA1WtwNYYWX5NXyM4GSmA","Call":"e30=","Signature":"AAAA"}`))
	clock := chaintest.NewClock()
	l, err := local.Open(f.TempDir(), local.Devnet(clock.Now))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	h := local.NewServer(l, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/calls", bytes.NewReader(body)))
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("status %d", w.Code)
		}
		if s, err := l.Snapshot(t.Context()); err != nil || s.Len() != 0 {
			t.Fatalf("%d neurons, %v", s.Len(), err)
		}
	})
}
