package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/node"
	"vision/internal/outcome"
	"vision/internal/store/sqlite"
)

// kills is how often the program is killed, mostly under load; VISION_KILLS
// says otherwise, as `make kill` does.
const kills = 9

// paidIn is what customers of the prepaid project have, in credits.
const paidIn = "5.00"

// Whatever was answered complete is in the store, once, and so is its receipt,
// however the program ended: it is killed again and again at random moments
// under load, always on the same data. Half of the customers are free, and half
// pay: the books are in order at each start, and in the end the balance is what
// was paid in, less the receipts.
func TestNothingAcknowledgedIsLostByKilling(t *testing.T) {
	t.Parallel()
	rounds := kills
	if racing { // the detector makes each life long
		rounds = kills / 3
	}
	if text := os.Getenv("VISION_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("VISION_KILLS is %q, want a number above 0", text)
		}
		rounds = n
	}
	data := patientDevnet(t)
	var acknowledged answers
	var keys [2]string // free and prepaid
	for round := range rounds {
		p := start(t, fmt.Sprintf("devnet %d", round), "devnet", "--data", data, "--period", "5s", "--miners", "2", "--prepaid", paidIn)
		if round%5 == 3 { // now and then before it is up
			select {
			case <-time.After(rand.N(800 * time.Millisecond)):
			case <-p.ended:
				t.Fatalf("the program ended by itself: %v", p.err)
			}
			p.Process.Kill()
			<-p.ended
			continue
		}
		line, from := p.says(t, "API base URL", 0)
		api := "http" + strings.SplitN(line, "http", 2)[1]
		for i, name := range []string{"API key", "Prepaid key"} {
			line, from = p.says(t, name, from)
			now := line[strings.Index(line, "sk-"):]
			if keys[i] != "" && now != keys[i] {
				t.Errorf("round %d: the %s changed", round, name)
			}
			keys[i] = now
		}
		vision(t, "ledger", "verify", "--data", data) // fails if the books are not in order
		acknowledged.load(t, api, keys, rand.N(1400*time.Millisecond), func() { p.Process.Kill(); <-p.ended })
	}
	answered, _ := acknowledged.count()
	t.Logf("%d requests were answered complete in %d lives", answered, rounds)
	least := 5 * rounds
	if racing {
		least = rounds
	}
	if answered < least {
		t.Errorf("only %d requests were answered in %d rounds: that proves little", answered, rounds)
	}
	acknowledged.verify(t, data)

	// A life that ends in order neither loses nor repeats anything.
	p := start(t, "the last devnet", "devnet", "--data", data, "--period", "5s", "--miners", "2", "--prepaid", paidIn)
	p.says(t, "API base URL", 0)
	p.terminate(t)
	acknowledged.verify(t, data)
}

// answers are the requests that customers got a whole answer to.
type answers struct {
	mu   sync.Mutex // guards what follows
	ids  []string
	paid map[string]bool // by id: its key is the prepaid project's
}

// count is how many there are, and how many of them the prepaid project paid for.
func (a *answers) count() (all, paid int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, pays := range a.paid {
		if pays {
			paid++
		}
	}
	return len(a.ids), paid
}

// bodies are what customers ask for, by path.
var bodies = []struct{ path, body string }{
	{"/chat/completions", `{"model":"vision-ref-chat","stream":true,"max_tokens":%d,"messages":[{"role":"user","content":"Tell me about rivers."}]}`},
	{"/chat/completions", `{"model":"vision-ref-chat","max_tokens":%d,"messages":[{"role":"user","content":"Tell me about rivers."}]}`},
	{"/completions", `{"model":"vision-ref-completion","stream":true,"max_tokens":%d,"prompt":"The river rises in the hills."}`},
	{"/completions", `{"model":"vision-ref-completion","max_tokens":%d,"prompt":"The river rises in the hills."}`},
	{"/embeddings", `{"model":"vision-ref-embed","input":["rivers","hills %d"]}`},
}

// enough is how many answers, one of them paid for, a life that comes up gives before it is killed, so
// that all together prove something though every fifth does not come up, and
// however busy the machine.
const enough = 7

// load has several customers ask without pause. Some time after there were
// enough answers it ends them by kill.
func (a *answers) load(t *testing.T, api string, keys [2]string, after time.Duration, kill func()) {
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	var customers sync.WaitGroup
	before, paidBefore := a.count()
	for i := range 8 {
		customers.Go(func() {
			for ctx.Err() == nil {
				a.one(ctx, client, api, keys[i%2], i%2 == 1)
			}
		})
	}
	defer func() {
		kill()
		cancel()
		customers.Wait()
		client.CloseIdleConnections()
	}()
	until(t, "enough requests are answered", func() bool { n, paid := a.count(); return n >= before+enough && paid > paidBefore })
	<-time.After(after)
}

// one asks once and notes the request if its answer came whole.
func (a *answers) one(ctx context.Context, client *http.Client, api, key string, paid bool) {
	b := bodies[rand.N(len(bodies))]
	r, err := http.NewRequestWithContext(ctx, "POST", api+b.path, strings.NewReader(fmt.Sprintf(b.body, 1+rand.N(12))))
	if err != nil {
		return
	}
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := client.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	whole := err == nil
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		whole = bytes.Contains(text, []byte("data: [DONE]")) // even if the connection broke right after it
	}
	if answer.StatusCode == http.StatusOK && whole {
		a.mu.Lock()
		id := answer.Header.Get("X-Request-Id")
		a.ids = append(a.ids, id)
		if a.paid == nil {
			a.paid = map[string]bool{}
		}
		a.paid[id] = paid
		a.mu.Unlock()
	}
}

// verify opens the store as a program that starts does, and looks for every answer.
func (a *answers) verify(t *testing.T, data string) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), node.DatabaseFile(data), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	type attempt struct {
		request string
		try     int
	}
	seen := map[attempt]int{}
	last := map[string][]outcome.Outcome{}
	for after := int64(0); ; {
		page, err := st.OutcomesAfter(t.Context(), after, 5000)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page {
			after = o.Seq
			seen[attempt{o.Request, o.Try}]++
			if o.Last {
				last[o.Request] = append(last[o.Request], o.Outcome)
			}
		}
		if len(page) < 5000 {
			break
		}
	}
	for at, times := range seen {
		if times != 1 {
			t.Errorf("try %d of request %s is kept %d times", at.try, at.request, times)
		}
	}
	lost := 0
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range a.ids {
		switch kept := last[id]; {
		case len(kept) == 0:
			lost++
		case len(kept) > 1 || kept[0].Status != outcome.OK || kept[0].Source != outcome.Organic:
			t.Errorf("request %s was answered complete; kept as %+v", id, kept)
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d answered requests are lost", lost, len(a.ids))
	}
	a.paidFor(t, st, last)
}

// paidFor looks for the receipts: one for each request that was answered whole,
// none without an outcome, and as much charged as is gone. Nothing is on lease to
// those that were killed. It is called with mu held.
func (a *answers) paidFor(t *testing.T, st *sqlite.Store, last map[string][]outcome.Outcome) {
	t.Helper()
	report, err := st.Verify(t.Context())
	if err != nil || !report.OK() || report.Total != 0 || report.Covered != 0 {
		t.Errorf("the books are not in order: %+v, %v", report, err)
	}
	projects, err := st.Projects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := map[int64]ledger.Balance{}
	balances, err := st.Balances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range balances {
		left[b.Project] = b
	}
	receipts := map[string]ledger.Receipt{}
	for _, p := range projects {
		charged := ledger.Amount(0)
		for q := (ledger.ReceiptQuery{Project: p.ID}); ; {
			page, err := st.Receipts(t.Context(), q, 5000)
			if err != nil {
				t.Fatal(err)
			}
			for i := range page {
				if _, twice := receipts[page[i].Request]; twice {
					t.Errorf("request %s has two receipts", page[i].Request)
				}
				receipts[page[i].Request] = page[i]
				charged += page[i].Charged
			}
			if len(page) < 5000 {
				break
			}
			q.After = &page[len(page)-1]
		}
		had := ledger.Amount(0)
		if p.Kind == apikey.Prepaid {
			if had, err = ledger.ParseAmount(paidIn); err != nil {
				t.Fatal(err)
			}
			if charged == 0 {
				t.Error("nothing was charged to the prepaid project")
			}
		}
		if b := left[p.ID]; b.Free != had-charged || b.Leased != 0 {
			t.Errorf("%v was paid in for the project %s and %v charged; %v is left, and %v on lease", had, p.Name, charged, b.Free, b.Leased)
		}
	}
	missing := 0
	for id, paid := range a.paid {
		r, ok := receipts[id]
		switch {
		case !ok:
			missing++
		case paid != (r.Charged > 0) || r.Class != ledger.Complete:
			t.Errorf("request %s, prepaid %t, has the receipt %+v", id, paid, r)
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d answered requests have no receipt", missing, len(a.paid))
	}
	for id := range receipts {
		if len(last[id]) == 0 {
			t.Errorf("request %s has a receipt and no outcome", id)
		}
	}
}
