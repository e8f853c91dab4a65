package node

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vision/internal/chain"
	"vision/internal/config"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/store/sqlite"
	"vision/internal/transport"
)

// Two validators over real connections: what speaks against a miner at one, the
// other judges by itself and has looked into; nothing else of it changes. Miners are shown nothing.
func TestReceiptsGoFromOneValidatorToAnother(t *testing.T) {
	first, second, miner := key(1), key(2), key(3)
	neurons := []chain.Neuron{
		{UID: 0, Hotkey: first.ID(), Stake: 2000 * chain.TAO, ValidatorPermit: true},
		{UID: 1, Hotkey: second.ID(), Stake: 2000 * chain.TAO, ValidatorPermit: true},
		{UID: 2, Hotkey: miner.ID(), Endpoint: "127.0.0.1:1"},
	}
	file := filepath.Join(t.TempDir(), "catalogue.yaml")
	if err := os.WriteFile(file, config.DevnetCatalogue(), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(k *hotkey.Key, log *slog.Logger, before func(data string), peers ...ReportPeer) *Validator {
		t.Helper()
		catalogue, err := config.NewCatalogue(file, quiet)
		if err != nil {
			t.Fatal(err)
		}
		c := validatorConfig(t)
		c.Roles, c.Period, c.Beacons.Sources = []string{Scorer, Checks}, 10*time.Second, []string{"ledger"}
		c.Reports = ReportConfig{Listen: "127.0.0.1:0", Peers: peers, Receipts: true}
		before(c.Data)
		v, err := NewValidator(t.Context(), c, Parts{Key: k, Ledger: &fakeLedger{neurons: neurons}, Catalogue: catalogue, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ready, done := make(chan struct{}), make(chan error, 1)
		go func() { done <- v.Run(ctx, func() { close(ready) }) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		select {
		case <-ready:
		case err := <-done:
			t.Fatal(err)
		}
		return v
	}
	judged := hears{slog.DiscardHandler, "judged what another validator showed", new(sync.Once), make(chan struct{})}
	shows := start(first, quiet, func(data string) { evidenceOf(t, data, first, miner) })
	looks := start(second, slog.New(judged), func(string) {}, ReportPeer{Address: shows.reports.addr, Hotkey: first.ID()})

	<-judged.heard
	list, err := looks.store.Accusations(t.Context(), time.Time{})
	if err != nil || len(list) == 0 {
		t.Fatalf("%d answers are looked into, %v", len(list), err)
	}
	a := list[0]
	if len(list) != 1 || a.Miner != miner.ID() || a.Validator != first.ID() || a.Task != "vision-ref-chat" || a.E < judgement.Suspect || a.E == 40 || a.Checked != 0 {
		t.Errorf("looked into: %+v", list)
	}
	if known, err := looks.store.Judgements(t.Context()); err != nil || len(known) != 0 {
		t.Errorf("a receipt alone made %+v known, %v", known, err)
	}

	// Who has a page is told that nothing has changed; a miner that asks is shown nothing.
	ask := func(k *hotkey.Key, tag string) *http.Response {
		t.Helper()
		id, err := transport.NewIdentity(k, transport.Options{Network: "test/19"})
		if err != nil {
			t.Fatal(err)
		}
		clients := transport.NewClients(&transport.Dialer{Identity: id})
		defer clients.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+shows.reports.addr+proto.ReceiptsPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		answer, err := clients.For(first.ID()).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Error(err)
		}
		answer.Body.Close()
		return answer
	}
	page := ask(second, "")
	if page.StatusCode != http.StatusOK || page.Header.Get("Etag") == "" {
		t.Errorf("a validator that asks for receipts gets %s, tag %q", page.Status, page.Header.Get("Etag"))
	}
	if answer := ask(second, page.Header.Get("Etag")); answer.StatusCode != http.StatusNotModified {
		t.Errorf("one that has them gets %s", answer.Status)
	}
	if answer := ask(miner, ""); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a miner that asks for receipts gets %s", answer.Status)
	}
}

// evidenceOf keeps an answer of a cheat's in a validator's database: the miner signed it,
// and did not read the prompt as the model does.
func evidenceOf(t *testing.T, data string, validator, miner *hotkey.Key) {
	t.Helper()
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	st, err := sqlite.Open(t.Context(), DatabaseFile(data), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	now := time.Now().UTC()
	request, answer, p := answerOf(validator, miner, now)
	proof, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	o := outcome.Outcome{Request: "req-0", Last: true, Source: outcome.Synthetic, Task: "vision-ref-chat", Miner: miner.ID(), Status: outcome.OK, Work: 2, Start: now, FirstOutput: 1, Total: 1}
	if err := st.Record(t.Context(), outcome.Entry{Outcome: o, Sample: &outcome.Sample{Outcome: o, Request: request, Response: answer, Proof: proof}}); err != nil {
		t.Fatal(err)
	}
	claimed, err := st.ClaimSamples(t.Context(), now.Add(time.Minute), time.Hour, 1)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("%d samples wait, %v", len(claimed), err)
	}
	c := outcome.Check{Sample: claimed[0].ID, Task: o.Task, Miner: o.Miner, Source: o.Source, At: now, E: 40, Test: "prefill-t0"}
	if _, err := st.SaveCheck(t.Context(), c, judgement.Default()); err != nil {
		t.Fatal(err)
	}
}

// answerOf is an answer of a cheat's, signed.
func answerOf(validator, miner *hotkey.Key, now time.Time) (request, answer []byte, p proto.Proof) {
	request = []byte(`{"model":"vision-ref-chat","messages":[{"role":"user","content":"Say something of the sea."}],"max_tokens":2,"stream":false,"temperature":0,"top_p":1,"seed":1,"return_token_ids":true}`)
	answer = []byte(`{"choices":[{"message":{"content":"no"},"finish_reason":"length","token_ids":[1,2]}],"prompt_token_ids":[1]}`)
	p = proto.Proof{Path: "/v1/chat/completions", ID: "req-1", Expires: now.Add(proto.SignatureLife).Truncate(time.Millisecond), Public: true}
	asked := proto.Signed{Network: "test/19", Validator: validator.ID(), Miner: miner.ID(), Path: p.Path, ID: p.ID, Body: sha256.Sum256(request), Expires: p.Expires}
	signed := proto.SignedAnswer{Request: sha256.Sum256(asked.AppendMessage(nil)), Since: now, At: now, Body: sha256.Sum256(answer)}
	p.Answer = signed.Value(miner.Sign)
	return request, answer, p
}

// hears is a log in which one message is waited for.
type hears struct {
	slog.Handler
	message string
	once    *sync.Once
	heard   chan struct{}
}

func (h hears) Enabled(context.Context, slog.Level) bool { return true }

func (h hears) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.message {
		h.once.Do(func() { close(h.heard) })
	}
	return nil
}

func (h hears) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h hears) WithGroup(string) slog.Handler      { return h }
