package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vision/internal/node"
	"vision/internal/outcome"
	"vision/internal/store/sqlite"
)

// kills is how often the program is killed; VISION_KILLS says otherwise.
const kills = 10

// Whatever was answered complete is in the store, once, however the program
// ended: it is killed again and again at random moments under load, always on
// the same data.
func TestNothingAcknowledgedIsLostByKilling(t *testing.T) {
	t.Parallel()
	rounds := kills
	if text := os.Getenv("VISION_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("VISION_KILLS is %q, want a number above 0", text)
		}
		rounds = n
	}
	data := filepath.Join(t.TempDir(), "data")
	var acknowledged answers
	key := ""
	for round := range rounds {
		p := start(t, fmt.Sprintf("devnet %d", round), "devnet", "--data", data, "--period", "5s", "--miners", "2")
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
		line, from := p.says(t, 30*time.Second, "API base URL", 0)
		api := "http" + strings.SplitN(line, "http", 2)[1]
		line, _ = p.says(t, time.Second, "API key", from)
		now := line[strings.Index(line, "sk-"):]
		if key != "" && now != key {
			t.Errorf("round %d: the API key changed", round)
		}
		key = now
		acknowledged.load(t, api, key, rand.N(1400*time.Millisecond), func() { p.Process.Kill(); <-p.ended })
	}
	t.Logf("%d requests were answered complete in %d lives", acknowledged.count(), rounds)
	if acknowledged.count() < 5*rounds {
		t.Errorf("only %d requests were answered in %d rounds: that proves little", acknowledged.count(), rounds)
	}
	acknowledged.verify(t, data)

	// A life that ends in order neither loses nor repeats anything.
	p := start(t, "the last devnet", "devnet", "--data", data, "--period", "5s", "--miners", "2")
	p.says(t, 30*time.Second, "API base URL", 0)
	p.terminate(t)
	acknowledged.verify(t, data)
}

// answers are the requests that customers got a whole answer to.
type answers struct {
	mu  sync.Mutex // guards ids
	ids []string
}

func (a *answers) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// bodies are what customers ask for, by path.
var bodies = []struct{ path, body string }{
	{"/chat/completions", `{"model":"vision-ref-chat","stream":true,"max_tokens":%d,"messages":[{"role":"user","content":"Tell me about rivers."}]}`},
	{"/chat/completions", `{"model":"vision-ref-chat","max_tokens":%d,"messages":[{"role":"user","content":"Tell me about rivers."}]}`},
	{"/completions", `{"model":"vision-ref-completion","stream":true,"max_tokens":%d,"prompt":"The river rises in the hills."}`},
	{"/completions", `{"model":"vision-ref-completion","max_tokens":%d,"prompt":"The river rises in the hills."}`},
	{"/embeddings", `{"model":"vision-ref-embed","input":["rivers","hills %d"]}`},
}

// load has several customers ask without pause. Some time after the first
// answer it ends them by kill.
func (a *answers) load(t *testing.T, api, key string, after time.Duration, kill func()) {
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	var customers sync.WaitGroup
	before := a.count()
	for range 8 {
		customers.Go(func() {
			for ctx.Err() == nil {
				a.one(ctx, client, api, key)
			}
		})
	}
	defer func() {
		kill()
		cancel()
		customers.Wait()
		client.CloseIdleConnections()
	}()
	until(t, time.Minute, "a request is answered", func() bool { return a.count() > before })
	<-time.After(after)
}

// one asks once and notes the request if its answer came whole.
func (a *answers) one(ctx context.Context, client *http.Client, api, key string) {
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
		a.ids = append(a.ids, answer.Header.Get("X-Request-Id"))
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
}
