package node

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"vision/internal/fault"
	"vision/internal/proto"
	"vision/internal/task"
)

// scripted judges as it is told to.
type scripted struct {
	name  string
	asked int
	fail  error
	hold  chan struct{} // if not nil, it answers once this can be read from
	begun chan struct{}
}

func (s *scripted) Judge(context.Context, proto.CheckRequest) (proto.CheckResponse, error) {
	s.asked++
	if s.hold != nil {
		s.begun <- struct{}{}
		<-s.hold
	}
	return proto.CheckResponse{Reference: s.name}, s.fail
}

func panelOf(now *time.Time, judges ...*scripted) *panel {
	p := newPanel(quiet, func() time.Time { return *now })
	for _, j := range judges {
		p.add(j.name, j)
	}
	return p
}

func sampleOf(id int64, name string, turn int) (r proto.CheckRequest) {
	r.Task, r.Turn = task.Task{Name: name}, turn
	r.Sample.ID = id
	return r
}

var errDown = fault.New(fault.Unavailable, "checker_down", "connection refused")

// Checking servers share the work; one that is down costs no check, is asked
// ever more rarely, and has its share again once it answers.
func TestCheckersShareTheWork(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a, b, c := &scripted{name: "a"}, &scripted{name: "b", fail: errDown}, &scripted{name: "c"}
	p := panelOf(&now, a, b, c)
	got := map[string]int{}
	for i := range 3000 {
		now = now.Add(10 * time.Millisecond) // 30 s in all
		v, err := p.Check(t.Context(), sampleOf(int64(i), "chat", 0))
		if err != nil {
			t.Fatal(err)
		}
		got[v.Reference]++
	}
	if got["a"] < 1400 || got["c"] < 1400 || b.asked > 10 || b.asked < 5 {
		t.Errorf("verdicts %v; the one that is down was asked %d times", got, b.asked)
	}
	b.fail = nil
	now = now.Add(coolMost)
	clear(got)
	for i := range 300 {
		v, _ := p.Check(t.Context(), sampleOf(int64(i), "chat", 0))
		got[v.Reference]++
	}
	if fmt.Sprint(got) != "map[a:100 b:100 c:100]" {
		t.Errorf("once all answer: %v", got)
	}
}

// A slow one gets less to do than a quick one.
func TestTheSlowCheckerGetsLess(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	slow := &scripted{name: "slow", hold: make(chan struct{}), begun: make(chan struct{}, 1)}
	quick := &scripted{name: "quick"}
	p := panelOf(&now, slow, quick)
	done := make(chan error, 1)
	go func() {
		_, err := p.Check(t.Context(), sampleOf(1, "chat", 0))
		done <- err
	}()
	<-slow.begun
	for i := range 20 {
		if v, err := p.Check(t.Context(), sampleOf(int64(2+i), "chat", 0)); err != nil || v.Reference != "quick" {
			t.Fatalf("check %d went to %q: %v", i, v.Reference, err)
		}
	}
	close(slow.hold)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What is judged again goes to another; with one only, to the same.
func TestJudgedAgainByAnother(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	p := panelOf(&now, &scripted{name: "a"}, &scripted{name: "b"})
	for i := range int64(10) {
		first, _ := p.Check(t.Context(), sampleOf(i, "chat", 0))
		if i%2 == 0 { // others' checks between the two
			_, _ = p.Check(t.Context(), sampleOf(100+i, "chat", 0))
		}
		if again, err := p.Check(t.Context(), sampleOf(i, "chat", 1)); err != nil || again.Reference == first.Reference {
			t.Errorf("sample %d was judged by %q twice: %v", i, first.Reference, err)
		}
	}
	alone := panelOf(&now, &scripted{name: "a"})
	_, _ = alone.Check(t.Context(), sampleOf(1, "chat", 0))
	if v, err := alone.Check(t.Context(), sampleOf(1, "chat", 1)); err != nil || v.Reference != "a" {
		t.Errorf("alone: %q, %v", v.Reference, err)
	}
}

// A task goes to who judges it. Only when all say that they cannot is the sample
// given up; one that is down might.
func TestTasksThatNotAllJudge(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	no := fault.New(fault.Invalid, "no_reference", "No reference judges the task.")
	a, b := &scripted{name: "a", fail: no}, &scripted{name: "b"}
	p := panelOf(&now, a, b)
	for i := range 10 {
		if v, err := p.Check(t.Context(), sampleOf(int64(i), "pictures", 0)); err != nil || v.Reference != "b" {
			t.Errorf("%q, %v", v.Reference, err)
		}
	}
	if a.asked != 1 {
		t.Errorf("who does not judge a task was asked %d times", a.asked)
	}
	b.fail = errDown
	if _, err := p.Check(t.Context(), sampleOf(20, "pictures", 0)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("while the one that could is down: %v", err)
	}
	if _, err := p.Check(t.Context(), sampleOf(21, "pictures", 0)); fault.KindOf(err) != fault.Unavailable || b.asked != 11 {
		t.Errorf("while it is left alone: %v, asked %d times", err, b.asked)
	}
	now = now.Add(time.Hour)
	b.fail = no
	if _, err := p.Check(t.Context(), sampleOf(22, "pictures", 0)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("when nobody judges it: %v", err)
	}
}

// A sample that one server fails over is tried with another, and no server is left
// alone for one such sample; several in a row are its own fault.
func TestSamplesThatAServerFailsOver(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a, b := &scripted{name: "a", fail: errors.New("bug")}, &scripted{name: "b"}
	p := panelOf(&now, a, b)
	for i := range 50 {
		if v, err := p.Check(t.Context(), sampleOf(int64(i), "chat", 0)); err != nil || v.Reference != "b" {
			t.Errorf("%q, %v", v.Reference, err)
		}
	}
	if a.asked != failsToCool {
		t.Errorf("who fails was asked %d times, want %d", a.asked, failsToCool)
	}
	busy := fault.New(fault.Unavailable, "busy", "come back")
	busy.RetryAfter = time.Second
	a.fail, b.fail = busy, busy
	now = now.Add(time.Hour)
	if _, err := p.Check(t.Context(), sampleOf(99, "chat", 0)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("all busy: %v", err)
	}
	b.fail = nil
	now = now.Add(time.Second)
	if v, err := p.Check(t.Context(), sampleOf(99, "chat", 0)); err != nil || v.Reference != "b" {
		t.Errorf("after the second that it asked for: %q, %v", v.Reference, err)
	}
}

// late answers when nobody waits any more.
type late struct{}

func (late) Judge(ctx context.Context, _ proto.CheckRequest) (proto.CheckResponse, error) {
	<-ctx.Done()
	return proto.CheckResponse{}, ctx.Err()
}

// A checking server that hangs is left alone for a while; a caller that leaves
// says nothing of it.
func TestACheckingServerThatHangs(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	p := panelOf(&now)
	p.add("hangs", late{})
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := p.Check(gone, sampleOf(1, "chat", 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller left: %v", err)
	}
	ended, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := p.Check(ended, sampleOf(1, "chat", 0)); fault.KindOf(err) != fault.Timeout {
		t.Errorf("no time left: %v", err)
	}
	if _, err := p.Check(t.Context(), sampleOf(2, "chat", 0)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("it is asked again at once: %v", err)
	}
}
