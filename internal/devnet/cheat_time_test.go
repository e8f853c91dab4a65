package devnet

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/hotkey"
	"vision/internal/modelserver"
	"vision/internal/outcome"
	"vision/internal/pipes"
	"vision/internal/relay"
	"vision/internal/score"
	"vision/internal/task"
)

type nobody struct{}

func (nobody) Events([]byte) error { return nil }

// outcomeAt is how a streamed chat ends at a server that writes 100 tokens a second.
func outcomeAt(t *testing.T, crooked func(http.Handler) http.Handler) (o outcome.Outcome) {
	synctest.Test(t, func(t *testing.T) {
		h := http.Handler(modelserver.New(modelserver.Config{Text: modelserver.Capability{Models: []string{"m"}}, TokensPerSecond: 100}))
		if crooked != nil {
			h = crooked(h)
		}
		var network pipes.Net
		l := network.Listen()
		server := &http.Server{Handler: h}
		go func() { _ = server.Serve(l) }()
		client, err := relay.New(relay.Config{Dialer: &network, Secret: []byte("a secret of 23 letters.")})
		if err != nil {
			t.Fatal(err)
		}
		tk := &task.Task{Name: "m", Kind: "chat", Timeouts: task.Timeouts{First: time.Minute, Gap: time.Minute, Total: time.Minute}, Limits: task.Limits{Output: 300}}
		r, err := task.Chat{}.Parse([]byte(chatBody), tk)
		if err != nil {
			t.Fatal(err)
		}
		a := client.Do(t.Context(), relay.Call{ID: "r", Task: tk, Kind: task.Chat{}, Request: r, Payload: client.Payload("r", r, tk),
			Peer: relay.Peer{Miner: hotkey.ID{1}, Addr: l.Addr().String()}, FirstBy: time.Now().Add(time.Minute), By: time.Now().Add(time.Minute)}, nobody{})
		client.Close()
		_ = server.Close()
		o = a.Outcome
	})
	if o.Status != outcome.OK || o.Work < 50 {
		t.Fatalf("no answer to speak of: %+v", o)
	}
	return o
}

// Holding output back, and a first token that runs ahead, earn nothing: neither
// a better speed factor than the same server has as it is, nor a better place
// among the miners that are quick to begin.
func TestTimeIsNotToBeFaked(t *testing.T) {
	late := func(honest http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			honest.ServeHTTP(w, r)
		})
	}
	honest, slow := outcomeAt(t, nil), outcomeAt(t, late)
	held, fake := outcomeAt(t, buffered.crooked), outcomeAt(t, fakeFirst.crooked)

	rule := score.Speed{Overhead: 300 * time.Millisecond, Mean: 0.012, Steepness: 80}
	factor := func(o outcome.Outcome) float64 {
		took, _ := o.Taken(rule.Overhead)
		return rule.Factor(rule.PerUnit(took, o.Work))
	}
	for _, o := range []struct {
		name string
		outcome.Outcome
	}{{"honest", honest}, {"late", slow}, {"buffered", held}, {"fakefirst", fake}} {
		least, _ := o.Taken(rule.Overhead)
		t.Logf("%-10s %3d tokens in %v, the first after %v, really %v; counts as %v, factor %.3f, burst %.2f", o.name, o.Work,
			o.Total.Round(time.Millisecond), o.FirstOutput.Round(time.Millisecond), o.FirstUseful().Round(time.Millisecond), least.Round(time.Millisecond), factor(o.Outcome), o.Arrivals.Burst)
	}
	if honest.Total > held.Total+time.Millisecond || factor(honest) < 1 {
		t.Errorf("the honest miner takes %v (factor %.3f), the same that holds back %v", honest.Total, factor(honest), held.Total)
	}
	if factor(held) > 0.8*factor(honest) {
		t.Errorf("held back an answer has the factor %.3f, else %.3f", factor(held), factor(honest))
	}
	if held.FirstUseful() < honest.FirstUseful() {
		t.Errorf("held back it begins after %v, else after %v", held.FirstUseful(), honest.FirstUseful())
	}
	if fake.FirstOutput > time.Millisecond || fake.FirstUseful() < 900*time.Millisecond {
		t.Errorf("the guessed token came after %v, the rest is said to begin after %v", fake.FirstOutput, fake.FirstUseful())
	}
	if factor(fake) > 1.05*factor(slow) { // a token that nobody has verified yet adds its share of 1 in 112, twice
		t.Errorf("with a guessed token the factor is %.3f, without %.3f", factor(fake), factor(slow))
	}
}
