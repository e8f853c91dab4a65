package node

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vision/internal/config"
	"vision/internal/hotkey"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/report"
	"vision/internal/score"
	"vision/internal/scorer"
	"vision/internal/store/sqlite"
	"vision/internal/task"
)

// reporting is a store with the report of a validator that scores one miner
// that nothing is known of.
func reporting(t *testing.T, signer, miner *hotkey.Key) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "v.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := score.Named("vision7", nil)
	if err != nil {
		t.Fatal(err)
	}
	tasks := []score.Task{{Name: "chat", Weight: 1, Contenders: []score.Contender{{Hotkey: miner.ID(), Offer: score.Offer{
		Declared: 1000, Maximum: 2000, StakeShare: 1, PerRequest: 10, Slots: 2, PerSlot: 1000, Length: time.Hour, Speed: score.Speed{Mean: 0.01, Steepness: 1}}}}}}
	out, err := m.Weights(tasks)
	if err != nil {
		t.Fatal(err)
	}
	r := report.Report{Period: 7, At: time.Now(), Tasks: []report.Task{{Task: "chat", Unit: "token", Weight: 1}}}
	if err := r.Fill(m, tasks, out); err != nil {
		t.Fatal(err)
	}
	body, err := report.Sign(r, signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.SaveReport(t.Context(), period.Report{Validator: signer.ID(), Own: true, Period: 7, At: r.At, Body: body}); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestReportsAndExplanationsAreServed(t *testing.T) {
	signer, miner := hotkey.FromSeed([32]byte{1}), hotkey.FromSeed([32]byte{2})
	pages := reportPages{last: scorer.NewExplainer(reporting(t, signer, miner))}
	get := func(path string) *httptest.ResponseRecorder {
		if !pages.Has(path) {
			t.Fatalf("%s is not served", path)
		}
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	w := get(proto.ReportPath)
	if r, err := report.Read(w.Body.Bytes()); err != nil || w.Code != 200 || r.Validator != signer.ID() || r.Period != 7 {
		t.Errorf("status %d, %+v, %v", w.Code, r, err)
	}
	w = get(explainPath + miner.ID().String())
	var e scorer.Explanation
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != 200 || len(e.Tasks) != 1 || !strings.Contains(strings.Join(e.Tasks[0].Sentences, " "), "No beacon has asked it") {
		t.Errorf("status %d, %+v, %v", w.Code, e, err)
	}
	for path, want := range map[string]int{explainPath + "nobody": 400, explainPath + signer.ID().String(): 404} {
		if w := get(path); w.Code != want || !strings.Contains(w.Body.String(), `"message"`) {
			t.Errorf("%s: status %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
	empty, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "v.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	pages.last = scorer.NewExplainer(empty)
	if w := get(proto.ReportPath); w.Code != 404 {
		t.Errorf("without a report: status %d", w.Code)
	}
}

// crowded is a store where whoever explains waits, once the report is read.
type crowded struct {
	*sqlite.Store
	bodies  atomic.Int32 // reports that were read whole
	waiting chan struct{}
	open    chan struct{}
}

func (c *crowded) OwnReport(ctx context.Context, body bool) (period.Report, error) {
	if body {
		c.bodies.Add(1)
	}
	return c.Store.OwnReport(ctx, body)
}

func (c *crowded) LastBursts(ctx context.Context, miner hotkey.ID, task string, limit int) ([]period.Burst, error) {
	c.waiting <- struct{}{}
	<-c.open
	return c.Store.LastBursts(ctx, miner, task, limit)
}

// Everybody may ask, so that what it costs is bounded: the report is read once,
// and two explanations are worked out at a time.
func TestExplanationsAreBounded(t *testing.T) {
	signer, miner := hotkey.FromSeed([32]byte{1}), hotkey.FromSeed([32]byte{2})
	st := &crowded{Store: reporting(t, signer, miner), waiting: make(chan struct{}), open: make(chan struct{})}
	pages := reportPages{last: scorer.NewExplainer(st)}
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	path := explainPath + miner.ID().String()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if w := get(path); w.Code != 200 {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
	<-st.waiting
	<-st.waiting
	if w := get(path); w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"message"`) {
		t.Errorf("a third at a time: status %d, %v: %s", w.Code, w.Header(), w.Body)
	}
	if w := get(proto.ReportPath); w.Code != 200 {
		t.Errorf("the report: status %d: %s", w.Code, w.Body)
	}
	close(st.open)
	all.Wait()
	if n := st.bodies.Load(); n != 1 {
		t.Errorf("the report was read %d times", n)
	}
	// A newer one is read.
	list, err := st.Reports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list[0].At = list[0].At.Add(time.Second)
	if err := st.SaveReport(t.Context(), list[0]); err != nil {
		t.Fatal(err)
	}
	if w := get(proto.ReportPath); w.Code != 200 || st.bodies.Load() != 2 {
		t.Errorf("after a newer report: status %d, %d were read", w.Code, st.bodies.Load())
	}
}

func TestAValidatorIsNotItsOwnPeer(t *testing.T) {
	self, other := hotkey.FromSeed([32]byte{1}).ID(), hotkey.FromSeed([32]byte{2}).ID()
	var fields []string
	c := ReportConfig{Peers: []ReportPeer{{Hotkey: other}, {Hotkey: self}}}
	c.checkOthers(self, func(field, _ string, _ ...any) { fields = append(fields, field) })
	if len(fields) != 1 || fields[0] != "reports.peers[1].hotkey" {
		t.Errorf("mistakes in %v", fields)
	}
}

func TestARulesDisagreementIsSeen(t *testing.T) {
	signer, miner, own := hotkey.FromSeed([32]byte{1}), hotkey.FromSeed([32]byte{2}), hotkey.FromSeed([32]byte{3})
	theirs := reporting(t, signer, miner)
	list, err := theirs.Reports(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ours := reporting(t, own, miner)
	if err := ours.SaveReport(t.Context(), period.Report{Validator: signer.ID(), Period: 7, At: time.Now(), Body: list[0].Body}); err != nil {
		t.Fatal(err)
	}
	v := Validator{config: ValidatorDefaults()}
	rep, err := scorer.Compose(t.Context(), ours, taskCatalogue(t), scorer.ReportOptions{Now: time.Now()})
	if err != nil || len(rep.Peers) != 1 || rep.Peers[0].Differs != "" {
		t.Errorf("%+v, %v", rep.Peers, err)
	}
	v.config.Mechanism.Parameters = map[string]float64{"beacons": 1}
	m, err := v.config.Mechanism.Make()
	if err != nil {
		t.Fatal(err)
	}
	read, err := report.Read(list[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	if d := (&report.Report{Mechanism: m.Name(), Parameters: report.ParametersOf(m)}).Differs(&read); !strings.Contains(d, "beacons is 4, not 1") {
		t.Errorf("%q", d)
	}
}

func taskCatalogue(t *testing.T) *task.Catalogue {
	t.Helper()
	c, err := config.LoadCatalogue("")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
