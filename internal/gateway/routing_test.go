package gateway

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
	"vision/internal/task"
)

// An outage of all miners is not multiplied by trying again.
func TestRetriesStayInTheirBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.Sampler = nil }, failing(outcome.Failed, 0, badGateway))
		const n = 500
		begun := time.Now()
		for range n {
			f.ServeHTTP(httptest.NewRecorder(), request(chatBody))
			time.Sleep(2 * time.Millisecond)
		}
		extra, allowed := len(f.relay.called())-n, 30+n/5+int(time.Since(begun).Seconds())
		if extra > allowed+1 || extra < allowed-5 {
			t.Errorf("%d more attempts than %d requests, want %d", extra, n, allowed)
		}
		for i, e := range f.store.recorded() {
			c := f.relay.called()[i]
			if c.Last && !e.Outcome.Last {
				t.Fatal("the relay was told that a try was the last, and it was not")
			}
		}
		// One is tried again when things are well again.
		f.relay.steps = []step{failing(outcome.Failed, 0, badGateway), ok(3)}
		f.relay.calls = nil
		time.Sleep(time.Minute)
		w := httptest.NewRecorder()
		f.ServeHTTP(w, request(chatBody))
		if w.Code != 200 || w.Header().Get("X-Vision-Tries") != "2" {
			t.Errorf("status %d after %s tries", w.Code, w.Header().Get("X-Vision-Tries"))
		}
	})
}

// When all miners fail, customers are served by the first that does not again.
func TestAllBreakersOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil, failing(outcome.Failed, 0, badGateway))
		for range 20 {
			f.ServeHTTP(httptest.NewRecorder(), request(chatBody))
		}
		f.relay.steps = []step{ok(3)}
		f.relay.calls = nil
		for range 20 {
			w := httptest.NewRecorder()
			if f.ServeHTTP(w, request(chatBody)); w.Code != 200 {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
		}
	})
}

func TestAConversationStaysAtItsMiner(t *testing.T) {
	converse := func(f *fixture, n, turns int) map[string]int {
		got := map[string]int{}
		messages := fmt.Sprintf(`{"role":"system","content":"Be brief."},{"role":"user","content":"question %d"}`, n)
		for i := range turns {
			w := httptest.NewRecorder()
			f.ServeHTTP(w, request(`{"model":"talker-8b","stream":true,"messages":[`+messages+`]}`))
			got[w.Header().Get("X-Vision-Miner")]++
			messages += fmt.Sprintf(`,{"role":"assistant","content":"answer %d"},{"role":"user","content":"and %d?"}`, i, i)
		}
		return got
	}
	synctest.Test(t, func(t *testing.T) { // where nothing takes time: who is slow is not preferred
		secret := func(c *Config) { c.Routing.Affinity = []byte("a secret of the tests") }
		f := newFixture(t, secret, ok(3))
		again := newFixture(t, secret, ok(3)) // after a restart
		other := newFixture(t, func(c *Config) { c.Routing.Affinity = []byte("another's secret") }, ok(3))
		for _, g := range []*fixture{f, again, other} {
			for i := range 400 { // all are known to be as fast
				o := outcome.Outcome{Task: "talker-8b", Miner: miner(i % 4), Start: time.Now(), Work: 3, Stream: true, FirstOutput: time.Millisecond, Total: time.Millisecond}
				g.Board.Replay(o)
			}
		}
		homes, moved := map[string]bool{}, 0
		for n := range 32 {
			got := converse(f, n, 6)
			if len(got) != 1 {
				t.Errorf("conversation %d went to %d miners", n, len(got))
			}
			later, elsewhere := converse(again, n, 1), converse(other, n, 1)
			for home := range got {
				homes[home] = true
				if later[home] != 1 {
					t.Errorf("conversation %d goes elsewhere after a restart", n)
				}
				if elsewhere[home] == 0 {
					moved++
				}
			}
		}
		if len(homes) != 4 || moved < 12 {
			t.Errorf("32 conversations are at %d of 4 miners, and %d would be elsewhere by another secret", len(homes), moved)
		}
	})
}

func TestPrefixes(t *testing.T) {
	list := tasks()
	r := Routing{Affinity: []byte("secret")}
	parse := func(k task.Kind, i int, body string) task.Request {
		req, err := k.Parse([]byte(body), &list[i])
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	chat := parse(task.Chat{}, 0, chatBody)
	if r.prefix(chat) == 0 || r.prefix(chat) != r.prefix(parse(task.Chat{}, 0, streamed)) {
		t.Error("the same beginning has two prefixes, or none")
	}
	if r.prefix(parse(task.TextToImage{}, 2, `{"model":"painter","prompt":"x"}`)) != 0 || (&Routing{}).prefix(chat) != 0 {
		t.Error("a prefix where there is none")
	}
	if n := testing.AllocsPerRun(100, func() { r.prefix(chat) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTimeInTheGateway(t *testing.T) {
	for _, body := range []string{streamed, chatBody} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, nil, after(300*time.Millisecond, failing(outcome.Failed, 0, badGateway)), after(200*time.Millisecond, ok(3)))
			f.store.written = func([]outcome.Entry) { time.Sleep(25 * time.Millisecond) }
			w := httptest.NewRecorder()
			f.ServeHTTP(w, request(body))
			ms, err := strconv.ParseFloat(w.Header().Get("X-Vision-Gateway-Ms"), 64)
			want := 0.0 // nothing takes time but miners, and writing down what a whole answer waits for
			if body == chatBody {
				want = 25
			}
			if err != nil || ms != want || w.Header().Get("X-Vision-Tries") != "2" {
				t.Errorf("%v, want %v ms in the gateway", w.Header(), want)
			}
			anonymous := newFixture(t, func(c *Config) { c.Anonymous = true }, ok(3))
			w = httptest.NewRecorder()
			anonymous.ServeHTTP(w, request(body))
			for name := range w.Header() {
				if strings.HasPrefix(name, "X-Vision") {
					t.Errorf("anonymous, and %s tells", name)
				}
			}
		})
	}
}

func TestRoutingIsChecked(t *testing.T) {
	for _, r := range []Routing{{Retries: -1}, {Retries: 1.1}, {RetryFloor: -1}, {RetryBurst: -1}, {Hedge: 0.6}, {Hedge: -0.1}} {
		if r.check() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}
