package scorer

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/receipt"
	"vision/internal/sampling"
)

// evenly is a world whose draws are all a half.
type evenly struct{ *world }

func (evenly) Draw(string) float64 { return 0.5 }

// shown is a receipt of a validator's: what a miner answered to it.
func shown(t testing.TB, by, miner *hotkey.Key, id, answer string, change ...func(*receipt.Receipt)) receipt.Receipt {
	t.Helper()
	r := receipt.Receipt{
		Network: "test/0", Validator: by.ID(), Miner: miner.ID(), Task: chat,
		Proof:   proto.Proof{Path: "/v1/chat/completions", ID: id, Expires: time.Now().Add(proto.SignatureLife).Truncate(time.Millisecond), Public: true},
		Request: []byte(`{"model":"chat","messages":[{"role":"user","content":"hi"}],"max_tokens":5,"stream":false}`), Response: []byte(answer),
		Verdict: receipt.Verdict{At: time.Now(), E: 1e6},
	}
	for _, f := range change {
		f(&r)
	}
	asked := proto.Signed{Network: r.Network, Validator: r.Validator, Miner: r.Miner, Path: r.Proof.Path, ID: r.Proof.ID, Body: sha256.Sum256(r.Request), Expires: r.Proof.Expires}
	at := r.Proof.Expires.Add(-proto.SignatureLife)
	s := proto.SignedAnswer{Request: sha256.Sum256(asked.AppendMessage(nil)), Since: at, At: at, Body: sha256.Sum256(r.Response)}
	r.Proof.Answer = s.Value(miner.Sign)
	return r
}

// accusing is a world in which nothing is checked of a pair that has been, and in which a
// miner called cheat turns when turned is set.
func accusing(t testing.TB, miners ...string) (w *world, turned *atomic.Bool, rare func(*Config)) {
	w = newWorld(t, 10*time.Minute, miners...)
	turned = new(atomic.Bool)
	w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
		v := proto.CheckResponse{Quality: 1, Work: r.Sample.Outcome.Work, Test: "t", E: 0.5, Reference: "own"}
		if string(r.Sample.Response) == "unlucky" || turned.Load() && r.Sample.Outcome.Miner == key("cheat").ID() {
			v.Quality, v.E = 0, 25
		}
		if string(r.Sample.Response) == "unjudged" {
			return v, fault.New(fault.Unavailable, "down", "down")
		}
		return v, nil
	}
	return w, turned, func(c *Config) {
		c.Relay, c.Rates = evenly{w}, sampling.Config{Min: 0.01, Enough: 1, Watched: 0.25, Weak: 0.1, Beacon: 10, Backlog: 200, Most: 4000}
	}
}

// take hands receipts over, and says how many were judged.
func (w *world) take(peer *hotkey.Key, list ...receipt.Receipt) int {
	w.t.Helper()
	t, err := w.s.takeReceipts(w.t.Context(), peer.ID(), list)
	if err != nil {
		w.t.Error(err)
	}
	return t.Judged
}

func (w *world) state(name string) judgement.State {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return w.store.judgements[outcome.Pair{Miner: key(name).ID(), Task: chat}]
}

// What an honest peer shows of a cheat has the validator look, and so convict it by its own
// checks, which it would not have made for long.
func TestAccusationsDirectChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, turned, rare := accusing(t, "cheat")
		peer := key("peer")
		w.start(rare)
		defer w.stop()
		w.until(20 * time.Minute)
		turned.Store(true)
		before := w.state("cheat")
		w.until(50 * time.Minute)
		if now := w.state("cheat"); now != before || before.Checked == 0 {
			t.Fatalf("without receipts it was %+v and is %+v: the test shows nothing", before, now)
		}
		if n := w.take(peer, shown(t, peer, key("cheat"), "req-1", "answer")); n != 1 {
			t.Errorf("%d receipts judged, want 1", n)
		}
		if now := w.state("cheat"); now != before {
			t.Errorf("a receipt alone changed what is known of the miner: %+v, then %+v", before, now)
		}
		accused := func() *AccusedReport {
			t.Helper()
			rep, err := Compose(t.Context(), w.store, w.tasks, ReportOptions{Now: time.Now(), Miner: key("cheat").ID()})
			if err != nil || len(rep.Miners) != 1 {
				t.Fatalf("%d miners reported, %v", len(rep.Miners), err)
			}
			for _, c := range rep.Miners[0].Tasks {
				if c.Task == chat {
					return c.Accused
				}
			}
			return nil
		}
		if a := accused(); a == nil || a.Validator != peer.ID() || a.E != 25 || a.Checks != outcome.AccusedChecks {
			t.Errorf("the report says %+v", a)
		}
		w.until(80 * time.Minute)
		if after := w.state("cheat"); after.Standing != judgement.Convicted || after.Rise != before.Checked+1 {
			t.Errorf("the cheat is %v after %d checks, of which the first %d were good: %+v", after.Standing, after.Checked, before.Checked, after)
		}
	})
}

// What a lying peer shows of an honest miner, the worst of very many answers, has the
// validator look as well, and find nothing: after that it is as before, also after a restart in between.
func TestALyingPeerHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, rare := accusing(t, "honest")
		liar := key("liar")
		w.start(rare)
		w.until(20 * time.Minute)
		before := w.state("honest")
		if n := w.take(liar, shown(t, liar, key("honest"), "req-2", "unlucky")); n != 1 {
			t.Errorf("%d receipts judged, want 1", n)
		}
		w.stop()
		w.start(rare)
		defer w.stop()
		w.until(70 * time.Minute)
		after := w.state("honest")
		if after.Standing != judgement.Trusted || after.Suspicious != 0 || after.Wealth() > 1 {
			t.Errorf("the honest miner is %v, wealth %v", after.Standing, after.Wealth())
		}
		if after.Checked < before.Checked+outcome.AccusedChecks {
			t.Errorf("%d of its answers were checked after it was accused, want %d", after.Checked-before.Checked, outcome.AccusedChecks)
		}
		if n := w.take(liar, shown(t, liar, key("honest"), "req-3", "unlucky")); n != 0 {
			t.Error("the liar has it looked into again at once")
		}
		w.until(95 * time.Minute)
		if now := w.state("honest"); now.Checked != after.Checked {
			t.Errorf("%d more answers were checked after enough was looked into", now.Checked-after.Checked)
		}
	})
}

// Whatever is wrong with a receipt, it is not so much as judged; and nobody has the
// validator judge without end.
func TestWhatIsWrongIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, rare := accusing(t, "honest", "cheat")
		peer, honest := key("peer"), key("honest")
		w.start(rare)
		defer w.stop()
		w.until(20 * time.Minute)
		for what, wrong := range map[string]struct {
			why    Refusal
			change func(*receipt.Receipt)
		}{
			"of another network":   {OtherNetwork, func(r *receipt.Receipt) { r.Network = "test/2" }},
			"of another validator": {ValidatorSignature, func(r *receipt.Receipt) { r.Validator = key("somebody").ID() }},
			"of a customer's":      {Private, func(r *receipt.Receipt) { r.Proof.Public = false }},
			"of an unknown task":   {UnknownTask, func(r *receipt.Receipt) { r.Task = "nothing" }},
			"of another path":      {UnknownTask, func(r *receipt.Receipt) { r.Proof.Path = "/v1/embeddings" }},
			"of no request":        {UnknownTask, func(r *receipt.Receipt) { r.Request = []byte("{") }},
			"old":                  {TooOld, func(r *receipt.Receipt) { r.Proof.Expires = r.Proof.Expires.Add(-25 * time.Hour) }},
			"of the future":        {TooNew, func(r *receipt.Receipt) { r.Proof.Expires = r.Proof.Expires.Add(time.Hour) }},
			"too large":            {TooLarge, func(r *receipt.Receipt) { r.Response = make([]byte, mostReceipt+1) }},
		} {
			before := w.s.ReceiptStats()
			if n := w.take(peer, shown(t, peer, honest, "req-1", "unlucky", wrong.change)); n != 0 {
				t.Errorf("one %s was judged", what)
			}
			if now := w.s.ReceiptStats(); now.Refused[wrong.why] != before.Refused[wrong.why]+1 {
				t.Errorf("one %s is not counted as %s: %v", what, wrong.why, now.Refused)
			}
		}
		stranger := shown(t, peer, key("stranger"), "req-1", "unlucky")
		altered := shown(t, peer, honest, "req-1", "unlucky")
		altered.Response = []byte("unluckier")
		forged := shown(t, peer, key("cheat"), "req-1", "unlucky")
		forged.Miner = honest.ID()
		if n := w.take(peer, stranger, altered, forged); n != 0 {
			t.Errorf("%d of what is no answer of a miner's were judged", n)
		}
		if n := w.take(w.self, shown(t, w.self, honest, "req-1", "unlucky")); n != 0 {
			t.Error("its own receipt was judged")
		}
		// Good answers are judged, up to a bound; each once; and have no consequence.
		again := shown(t, peer, honest, "req-0", "answer")
		total := w.take(peer, again) + w.take(peer, again)
		if total != 1 {
			t.Errorf("one answer was judged %d times", total)
		}
		for i := range 200 {
			total += w.take(peer, shown(t, peer, honest, fmt.Sprint("req-", i+1), "answer"))
		}
		if total != mostJudged {
			t.Errorf("%d receipts of one peer were judged, want %d", total, mostJudged)
		}
		open, err := accused(t.Context(), w.store, nil, time.Now())
		if err != nil || len(open) != 0 {
			t.Errorf("%v is looked into, %v", open, err)
		}
		other := key("other")
		if n := w.take(other, shown(t, other, honest, "req-0", "unlucky"), shown(t, other, honest, "req-1", "unlucky")); n != 1 {
			t.Errorf("%d answers of one pair were judged that is looked into after the first", n)
		}
		w.s.backlog.Store(int64(w.s.c.Rates.Backlog))
		if n := w.take(other, shown(t, other, key("cheat"), "req-2", "unlucky")); n != 0 {
			t.Error("one was judged while checks were behind")
		}
		stats := w.s.ReceiptStats()
		if stats.Unconfirmed != mostJudged || stats.Confirmed != 1 || stats.Unjudgeable != 0 {
			t.Errorf("counted are %+v", stats)
		}
		for why, n := range map[Refusal]int64{UnknownMiner: 1, MinerSignature: 2, Behind: 1, Known: 2, Bound: 200 - mostJudged + 1} {
			if stats.Refused[why] != n {
				t.Errorf("%d are counted as %s, want %d", stats.Refused[why], why, n)
			}
		}
	})
}

// A checker that does not answer ends the round, and what can never be judged counts
// among what is judged of a peer: neither costs more work than an honest peer's do.
func TestWhatCannotBeJudgedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, rare := accusing(t, "honest")
		asked := 0
		judge := w.judge
		w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
			if r.Sample.ID < 0 {
				asked++
			}
			if string(r.Sample.Response) == "never" {
				return proto.CheckResponse{}, fault.New(fault.Invalid, "not_checkable", "never")
			}
			return judge(r)
		}
		w.start(rare)
		defer w.stop()
		w.until(20 * time.Minute)
		peer := key("peer")
		var down, never []receipt.Receipt
		for i := range 100 {
			down = append(down, shown(t, peer, key("honest"), fmt.Sprint("req-a", i), "unjudged"))
			never = append(never, shown(t, peer, key("honest"), fmt.Sprint("req-b", i), "never"))
		}
		if n, err := w.s.takeReceipts(t.Context(), peer.ID(), down); n.Judged != 0 || n.Later != len(down) || err == nil || asked != 1 {
			t.Errorf("with a checker that is down: %+v after %d questions, %v", n, asked, err)
		}
		asked = 0
		for range 20 {
			if n := w.take(peer, never...); n > mostJudgedAtOnce {
				t.Fatalf("%d at once", n)
			}
		}
		if asked != mostJudged {
			t.Errorf("the checker was asked %d times for what it cannot judge, want %d", asked, mostJudged)
		}
		if stats := w.s.ReceiptStats(); stats.Unjudgeable != mostJudged || stats.Unconfirmed != 0 || stats.Confirmed != 0 {
			t.Errorf("counted are %+v", stats)
		}
	})
}

// What a peer sends is read and counted: what it did not sign, no miner did, or is nothing at all.
func TestWhatIsFetchedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, rare := accusing(t, "honest")
		w.start(rare)
		defer w.stop()
		w.until(20 * time.Minute)
		peer := key("peer")
		good, err := receipt.Sign(shown(t, peer, key("honest"), "req-1", "unlucky"), peer)
		if err != nil {
			t.Fatal(err)
		}
		r := shown(t, peer, key("honest"), "req-2", "unlucky")
		r.Response = []byte("better")
		altered, err := receipt.Sign(r, peer)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Replace(good, []byte(`"e":1000000`), []byte(`"e":2000000`), 1)
		got, err := w.s.TakeReceipts(t.Context(), peer.ID(), [][]byte{good, altered, changed, []byte("{}"), nil})
		if err != nil || got != (Taken{Judged: 1}) {
			t.Errorf("%+v, %v", got, err)
		}
		stats := w.s.ReceiptStats()
		if stats.Fetched != 5 || stats.Confirmed != 1 || stats.Refused[MinerSignature] != 1 || stats.Refused[ValidatorSignature] != 1 || stats.Refused[Malformed] != 2 {
			t.Errorf("counted are %+v", stats)
		}
	})
}

// What was judged is not judged again as long as it may be shown, and the miner's clock may be ahead.
func TestAnAnswerIsJudgedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, rare := accusing(t, "honest")
		w.start(rare)
		w.until(20 * time.Minute)
		peer := key("peer")
		ahead := shown(t, peer, key("honest"), "req-1", "answer", func(r *receipt.Receipt) { r.Proof.Expires = r.Proof.Expires.Add(proto.ClockTolerance) })
		if n := w.take(peer, ahead); n != 1 {
			t.Fatalf("%d were judged", n)
		}
		w.stop() // nothing more is asked of the miner
		for _, late := range []time.Duration{10 * time.Second, proto.ClockTolerance} {
			w.until(20*time.Minute + outcome.AccusedFor + late)
			if n := w.take(peer, ahead); n != 0 {
				t.Error("it was judged again")
			}
			if stats := w.s.ReceiptStats(); stats.Refused[Known] == 0 || stats.Refused[TooOld] > 0 {
				t.Errorf("refused are %v", stats.Refused)
			}
		}
		w.until(20*time.Minute + outcome.AccusedFor + proto.ClockTolerance + time.Second)
		if w.take(peer, ahead) != 0 || w.s.ReceiptStats().Refused[TooOld] != 1 {
			t.Errorf("what is old is not refused for that: %v", w.s.ReceiptStats().Refused)
		}
	})
}
