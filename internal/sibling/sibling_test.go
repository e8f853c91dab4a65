package sibling

import (
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const chat = "chat"

var quiet = slog.New(slog.DiscardHandler)

func id(n byte) hotkey.ID { return hotkey.ID{n} }

// board has two contenders of four slots.
func board() *dispatch.Board {
	b := dispatch.NewBoard()
	var list []period.Contender
	for n := range byte(2) {
		list = append(list, period.Contender{Miner: id(n), Task: chat, UID: uint16(n), Addr: "192.0.2.1:1", Capacity: 1e9, Slots: 4})
	}
	b.Set(period.Period{ID: 1}, list)
	return b
}

// telling is a Board that says when it was told something.
type telling struct {
	*dispatch.Board
	told chan int64
}

func (b telling) Elsewhere(task string, miner hotkey.ID, more int64, now time.Time) {
	b.Board.Elsewhere(task, miner, more, now)
	b.told <- more
}

// customers is how many a beacon finds at a contender.
func (b telling) customers(t *testing.T, n byte) int {
	t.Helper()
	room, ok := b.Room(chat, id(n))
	if !ok {
		t.Fatalf("miner %d is not on the Board", n)
	}
	return room.Customers
}

// hub starts one, whose Board is told of gateways' requests.
func hub(t *testing.T, path string) (*Hub, telling, func()) {
	t.Helper()
	b := telling{board(), make(chan int64, 1000)}
	h := NewHub(path, b, quiet)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.listener == nil {
		t.Fatal("it does not listen")
	}
	done := make(chan error, 1)
	go func() { done <- h.Serve(context.Background()) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		if err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return h, b, stop
}

// gateway starts a spoke. What it hears of beacons comes from called: a part, or 0 when one is over.
func gateway(t *testing.T, path string) (b *dispatch.Board, called chan float64, stop func()) {
	t.Helper()
	b, called = board(), make(chan float64, 1000)
	s := NewSpoke(path, b, func(c Call) func() {
		called <- c.Part
		return func() { called <- 0 }
	}, quiet)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s.Linked() {
			t.Error("it says that it is linked when it has ended")
		}
	}
	t.Cleanup(stop)
	return b, called, stop
}

// asks has a customer's request begin at contender n.
func asks(t *testing.T, b *dispatch.Board, n byte) *dispatch.Seat {
	t.Helper()
	s, _ := b.Acquire(chat, true, time.Unix(0, 0), 1, 2, []hotkey.ID{id(1 - n)})
	if s == nil {
		t.Fatal("no slot for a customer")
	}
	return s
}

func ends(b *dispatch.Board, s *dispatch.Seat) {
	b.Release(s, outcome.Outcome{Task: chat, Miner: s.Miner, Work: 1, Total: time.Second}, 0)
}

// A beacon finds the customers of every gateway, gives way to those that come, and forgets those of a gateway that is gone.
func TestBeaconsSeeGateways(t *testing.T) {
	path := Path(t.TempDir())
	first, _, _ := gateway(t, path) // before there is a hub
	before := asks(t, first, 0)
	h, b, _ := hub(t, path)
	if <-b.told != 1 || b.customers(t, 0) != 1 {
		t.Fatalf("a beacon finds %d customers, want the one that was there before the link", b.customers(t, 0))
	}
	second, _, stop := gateway(t, path)
	broken := make(chan struct{}, 10)
	for range 3 {
		if _, ok := b.BeginBurst(chat, id(0), func() { broken <- struct{}{} }); !ok {
			t.Fatal("no room for a beacon's request")
		}
	}
	asks(t, second, 0)
	<-broken
	<-b.told
	if got := b.customers(t, 0); got != 2 || len(broken) != 0 {
		t.Errorf("%d customers, and %d more of the beacon's broken off", got, len(broken))
	}
	ends(first, before)
	if <-b.told != -1 || b.customers(t, 0) != 1 {
		t.Errorf("%d customers after one ended, want 1", b.customers(t, 0))
	}
	asks(t, second, 1)
	<-b.told
	stop()
	<-b.told
	<-b.told
	if b.customers(t, 0) != 0 || b.customers(t, 1) != 0 {
		t.Errorf("%d and %d customers of a gateway that is gone", b.customers(t, 0), b.customers(t, 1))
	}
	if got := h.Linked(); got == 0 {
		t.Error("no gateway is linked, and one is")
	}
}

// Gateways hear of a beacon, and that it is over, when their link ends too.
func TestGatewaysHearOfBeacons(t *testing.T) {
	path := Path(t.TempDir())
	h, b, stop := hub(t, path)
	over := h.Called(Call{Part: 0.5})
	first, heard, _ := gateway(t, path) // while it is called
	if got := <-heard; got != 0.5 {
		t.Fatalf("a gateway that links during a beacon hears %v", got)
	}
	asks(t, first, 0)
	<-b.told
	newer := h.Called(Call{Part: 0.25})
	if got := <-heard; got != 0.25 {
		t.Fatalf("the newer beacon is heard as %v", got)
	}
	if got := <-heard; got != 0 {
		t.Fatalf("the older one is not over, but %v", got)
	}
	over() // not the newest
	newer()
	if got := <-heard; got != 0 || len(heard) != 0 {
		t.Fatalf("the end is heard as %v, and %d more", got, len(heard))
	}
	h.Called(Call{Part: 0.75})
	<-heard
	stop()
	if got := <-heard; got != 0 {
		t.Fatalf("without a link a beacon is not over, but %v", got)
	}
	// Another scorer takes the place of the first.
	_, b, _ = hub(t, path)
	if <-b.told != 1 || b.customers(t, 0) != 1 {
		t.Error("the next scorer does not hear of what is under way")
	}
}

// A scorer that was killed leaves its socket behind; one that runs is not shouldered aside.
func TestOneHub(t *testing.T) {
	path := Path(t.TempDir())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	_, _, stop := hub(t, path)
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others get at the socket: %v, %v", info.Mode(), err)
	}
	second := NewHub(path, board(), quiet)
	if err := second.Start(t.Context()); err != nil || second.listener != nil {
		t.Fatalf("a second hub listens at the same place: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := second.Serve(ctx); err != nil {
		t.Error(err)
	}
	if err := second.Stop(ctx); err != nil {
		t.Error(err)
	}
	stop()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	long := NewHub(filepath.Join(t.TempDir(), strings.Repeat("long", 30)), board(), quiet)
	if _, err := long.listen(); err == nil || !strings.Contains(err.Error(), "shorter data folder") {
		t.Errorf("a name too long for a socket: %v", err)
	}
}

// What is no message ends the link, and all that came over it counts no more.
func TestGarbageEndsTheLink(t *testing.T) {
	path := Path(t.TempDir())
	_, b, _ := hub(t, path)
	for name, send := range map[string]func(io.Writer){
		"noise":            func(w io.Writer) { io.WriteString(w, "GET / HTTP/1.1\r\n\r\n") },
		"a short name":     func(w io.Writer) { gob.NewEncoder(w).Encode(loads{[]load{{chat, []byte("miner"), 1}}}) },
		"a number below 0": func(w io.Writer) { gob.NewEncoder(w).Encode(loads{[]load{{chat, make([]byte, 32), -1}}}) },
		"good, then not so": func(w io.Writer) {
			m := id(0)
			gob.NewEncoder(w).Encode(loads{[]load{{chat, m[:], 3}}})
			if got := <-b.told; got != 3 {
				t.Errorf("told %d", got)
			}
			io.WriteString(w, "\x03abc")
		},
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		send(conn)
		conn.(*net.UnixConn).CloseWrite() // noise may look like the beginning of something long
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Logf("%s: %v", name, err)
		}
		conn.Close()
		if name == "good, then not so" {
			<-b.told
		}
		if got := b.customers(t, 0); got != 0 {
			t.Errorf("%s: %d customers are left", name, got)
		}
	}
}

// Processes of two versions meet while an operator replaces one by the other. Messages that are not what they were have a socket of another
// name: change Path, and then this.
func TestMessagesAreThoseOfTheSocketsName(t *testing.T) {
	want := "loads{List []load{Task string; Miner []uint8; N int64}} called{On bool; Call Call{Part float64; From Time; Until Time}} at scorer.sock"
	if got := fmt.Sprintf("%s %s at %s", fields(reflect.TypeFor[loads]()), fields(reflect.TypeFor[called]()), filepath.Base(Path("data"))); got != want {
		t.Errorf("messages are\n%s, and were\n%s", got, want)
	}
}

// fields describes a type of message.
func fields(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Slice:
		return "[]" + fields(t.Elem())
	case t.Kind() != reflect.Struct || t.PkgPath() == "time":
		return t.Name()
	}
	var list []string
	for i := range t.NumField() {
		list = append(list, t.Field(i).Name+" "+fields(t.Field(i).Type))
	}
	return t.Name() + "{" + strings.Join(list, "; ") + "}"
}

// A scorer that does not understand a gateway is not linked to four times a second for ever; one that was started again is linked to at once.
func TestLinksThatEndAtOnceAreTriedRarely(t *testing.T) {
	wait := redial
	for _, c := range []struct {
		linked bool
		lasted time.Duration
		want   time.Duration
	}{
		{false, 0, redial}, {false, time.Hour, redial}, {true, 0, 2 * redial}, {true, time.Second, 4 * redial}, {true, time.Minute, redial},
		{true, 0, 2 * redial}, {false, 0, redial},
	} {
		if wait = after(wait, c.linked, c.lasted); wait != c.want {
			t.Errorf("after %+v it waits %v", c, wait)
		}
	}
	for range 20 {
		wait = after(wait, true, 0)
	}
	if wait != rarely {
		t.Errorf("after 20 such it waits %v", wait)
	}
}

// Stop returns when nothing is heard any more, though a gateway links just then.
func TestStopWaitsForALinkThatBegins(t *testing.T) {
	path := Path(t.TempDir())
	for range 50 {
		h := NewHub(path, board(), quiet)
		if err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- h.Serve(context.Background()) }()
		conn, err := net.Dial("unix", path) // it is accepted while the hub stops, or before, or never
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := h.Linked(); got != 0 {
			t.Fatalf("%d gateways are linked to a hub that has stopped", got)
		}
		conn.Close()
		if err := <-served; err != nil {
			t.Fatal(err)
		}
	}
}

// How long it is from a customer's request at a gateway until the scorer breaks one of a beacon's off: the median.
func BenchmarkGivingWay(b *testing.B) {
	path := Path(b.TempDir())
	asking := telling{board(), make(chan int64, 10)}
	h := NewHub(path, asking, quiet)
	if err := h.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	go h.Serve(b.Context())
	defer h.Stop(context.Background())
	from := board()
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() {
		done <- NewSpoke(path, from, func(Call) func() { return func() {} }, quiet).Serve(ctx)
	}()
	defer func() { cancel(); <-done }()
	broken := make(chan time.Time, 4)
	var took []time.Duration
	for b.Loop() {
		var list []*dispatch.Burst
		for range 4 {
			p, ok := asking.BeginBurst(chat, id(0), func() { broken <- time.Now() })
			if !ok {
				b.Fatal("no room for a beacon's request")
			}
			list = append(list, p)
		}
		begun := time.Now()
		s, _ := from.Acquire(chat, true, time.Unix(0, 0), 1, 2, []hotkey.ID{id(1)})
		took = append(took, (<-broken).Sub(begun))
		<-asking.told
		for _, p := range list {
			asking.EndedBurst(p, outcome.Outcome{Task: chat, Miner: id(0)})
		}
		ends(from, s)
		<-asking.told
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/99%")
}
