package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/store/sqlite"
	"vision/internal/task"
)

var t0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// fixture is a Server on a real database.
type fixture struct {
	*testing.T
	server *Server
	store  *sqlite.Store
	now    time.Time
	log    bytes.Buffer
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "v.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	f := &fixture{T: t, store: st, now: t0}
	office := &Office{Store: st, Now: func() time.Time { return f.now }, Pause: func(context.Context) error { return nil }}
	if f.server, err = NewServer(Config{Office: office, Token: token, Guesses: 3, Log: slog.New(slog.NewTextHandler(&f.log, nil))}); err != nil {
		t.Fatal(err)
	}
	return f
}

// ask sends a request with the right token.
func (f *fixture) ask(method, path, body string) *httptest.ResponseRecorder {
	f.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	f.server.ServeHTTP(w, r)
	if w.Header().Get("Cache-Control") != "no-store" {
		f.Errorf("%s %s: Cache-Control is %q", method, path, w.Header().Get("Cache-Control"))
	}
	return w
}

// get reads an answer of a status.
func get[T any](f *fixture, status int, method, path, body string) (v T) {
	f.Helper()
	w := f.ask(method, path, body)
	if w.Code != status {
		f.Fatalf("%s %s %s: %d %s, want %d", method, path, body, w.Code, w.Body, status)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		f.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
	}
	return v
}

// refused checks an error's status, code and param.
func (f *fixture) refused(status int, code, param, method, path, body string) {
	f.Helper()
	w := f.ask(method, path, body)
	var e struct {
		Error struct{ Message, Type, Code, Param string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != status || e.Error.Code != code || e.Error.Param != param || e.Error.Message == "" || e.Error.Type == "" {
		f.Errorf("%s %s %.200s: %d %s, want %d %s %q (%v)", method, path, body, w.Code, w.Body, status, code, param, err)
	}
}

// serve books a request of a project's key.
func (f *fixture) serve(request string, k Key, cost ledger.Amount, at time.Time) {
	f.Helper()
	pot := ledger.Pot{Kind: ledger.ProjectPot, ID: k.ProjectID}
	grants, err := f.store.Lease(f.Context(), []ledger.Ask{{Pot: pot, Least: cost, Most: cost, Urgent: true}})
	if err != nil || grants[0].Amount != cost {
		f.Fatal(grants, err)
	}
	err = f.store.Record(f.Context(), outcome.Entry{
		Outcome: outcome.Outcome{Request: request, Try: 1, Last: true, Source: outcome.Organic, Task: "chat", Miner: hotkey.ID{1}, Key: k.ID, Status: outcome.OK, Start: at},
		Receipt: &ledger.Receipt{Request: request, Project: k.ProjectID, Key: k.ID, Task: "chat", At: at, Unit: task.Token, Work: task.Work{Prompt: 5, Units: int64(cost) * 1000},
			Price: task.Price{Output: 1}, Cost: cost, Charged: cost, Miner: hotkey.ID{1}, Tries: 1},
	})
	if err != nil {
		f.Fatal(err)
	}
}
