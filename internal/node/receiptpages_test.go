package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/receipt"
	"vision/internal/scorer"
)

// oneAnswer is a store with a miner's answer that speaks against it. It counts what it is asked.
type oneAnswer struct {
	judgement outcome.Judgement
	evidence  outcome.Evidence
	asked     int
}

func (s *oneAnswer) Judgements(context.Context) ([]outcome.Judgement, error) {
	s.asked++
	return []outcome.Judgement{s.judgement}, nil
}

func (s *oneAnswer) Evidence(context.Context, hotkey.ID, string, int) ([]outcome.Evidence, error) {
	s.asked++
	return []outcome.Evidence{s.evidence}, nil
}

// callerHeader says who asks, in place of TLS.
const callerHeader = "Test-Caller"

func testPages(t *testing.T, now func() time.Time) (*receiptPages, *oneAnswer) {
	t.Helper()
	validator, miner, at := key(1), key(3), now()
	request, answer, p := answerOf(validator, miner, at)
	proof, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	st := &oneAnswer{judgement: outcome.Judgement{Miner: miner.ID(), Task: "vision-ref-chat", At: at}}
	st.judgement.State.Suspicious = 1
	st.evidence = outcome.Evidence{
		Check:  outcome.Check{Miner: miner.ID(), Task: "vision-ref-chat", Source: outcome.Synthetic, At: at.Add(-time.Second), E: 40},
		Sample: outcome.Sample{Request: request, Response: answer, Proof: proof},
	}
	return &receiptPages{
		shelf: scorer.NewShelf(st, "test/19", validator, now), now: now, next: http.NotFoundHandler(),
		admit: func(r *http.Request) (hotkey.ID, error) {
			if r.Header.Get(callerHeader) == "" {
				return hotkey.ID{}, errors.New("no validator")
			}
			return hotkey.ID([]byte(fmt.Sprintf("%-32s", r.Header.Get(callerHeader)))), nil
		},
	}, st
}

func getPage(p http.Handler, caller, known string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, proto.ReceiptsPath, nil)
	if caller != "" {
		r.Header.Set(callerHeader, caller)
	}
	if known != "" {
		r.Header.Set("If-None-Match", known)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// Callers cost the store nothing by their number, nobody has pages without end, and who
// has one already is told so at no cost.
func TestPagesAreBounded(t *testing.T) {
	now := time.Now().UTC()
	p, st := testPages(t, func() time.Time { return now })
	w := getPage(p, "a", "")
	var page receiptPage
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK || len(page.Receipts) != 1 || !page.Before.IsZero() {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	if r, err := receipt.Read(page.Receipts[0]); err != nil || r.Miner != key(3).ID() {
		t.Errorf("it shows %v, %v", r, err)
	}
	tag := w.Header().Get("Etag")
	for range 10 * pagesAtOnce {
		if w := getPage(p, "a", tag); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Fatalf("what is known gives %d, %d bytes", w.Code, w.Body.Len())
		}
	}
	for range pagesAtOnce - 1 {
		if w := getPage(p, "a", ""); w.Code != http.StatusOK {
			t.Fatalf("a page for the asking gives %d", w.Code)
		}
	}
	if w := getPage(p, "a", ""); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("the next one gives %d, come again in %q", w.Code, w.Header().Get("Retry-After"))
	}
	for i := range 100 {
		if w := getPage(p, fmt.Sprint("b", i), ""); w.Code != http.StatusOK {
			t.Errorf("others are answered %d", w.Code)
		}
	}
	if w := getPage(p, "", ""); w.Code != http.StatusNotFound {
		t.Errorf("a miner gets %d", w.Code)
	}
	if st.asked != 2 {
		t.Errorf("the store was asked %d times, want 2", st.asked)
	}
	if p.shown != pagesAtOnce+100 || p.pages[pageShown] != pagesAtOnce+100 || p.pages[pageUnchanged] != 10*pagesAtOnce || p.pages[pageLimited] != 1 || p.pages[pageForbidden] != 1 {
		t.Errorf("counted are %d shown, %v", p.shown, p.pages)
	}
	now = now.Add(pageEvery)
	if w := getPage(p, "a", ""); w.Code != http.StatusOK {
		t.Errorf("a while later it gives %d", w.Code)
	}
	if w := getPage(p, "a", ""); w.Code != http.StatusTooManyRequests {
		t.Errorf("and then at once %d", w.Code)
	}
	now = now.Add(pagesAtOnce * pageEvery)
	if getPage(p, "c", ""); len(p.callers) != 1 {
		t.Errorf("%d callers are remembered", len(p.callers))
	}
}

// slowReader takes a page when it is told to.
type slowReader struct {
	http.ResponseWriter
	writing, go_ chan struct{}
	begun        bool
}

func (s *slowReader) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		close(s.writing)
		<-s.go_
	}
	return s.ResponseWriter.Write(b)
}

// Who reads slowly holds up nobody but itself.
func TestASlowReaderHasOnePage(t *testing.T) {
	now := time.Now().UTC()
	p, _ := testPages(t, func() time.Time { return now })
	s := &slowReader{ResponseWriter: httptest.NewRecorder(), writing: make(chan struct{}), go_: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := httptest.NewRequest(http.MethodGet, proto.ReceiptsPath, nil)
		r.Header.Set(callerHeader, "slow")
		p.ServeHTTP(s, r)
	}()
	<-s.writing
	if w := getPage(p, "slow", ""); w.Code != http.StatusTooManyRequests {
		t.Errorf("a second page at once gives %d", w.Code)
	}
	if w := getPage(p, "other", ""); w.Code != http.StatusOK {
		t.Errorf("another validator gets %d", w.Code)
	}
	close(s.go_)
	<-done
	if w := getPage(p, "slow", ""); w.Code != http.StatusOK {
		t.Errorf("the next page gives %d", w.Code)
	}
}
