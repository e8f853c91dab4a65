package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/task"
)

func severalOf(n int, body string) string {
	return strings.Replace(body, `{"model"`, fmt.Sprintf(`{"n":%d,"seed":40,"model"`, n), 1)
}

func TestSeveralAnswers(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, ok(4))
	r := b.do(t, "POST", chatPath, severalOf(3, chatBody))
	var a struct {
		Choices []struct {
			Index   int
			Message struct{ Content string }
		}
		Usage struct {
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &a); err != nil || r.status != 200 {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	if len(a.Choices) != 3 || a.Choices[2].Index != 2 || a.Choices[2].Message.Content != "good" || a.Usage.Prompt != 3 || a.Usage.Completion != 12 {
		t.Errorf("%s", r.body)
	}
	list := b.receipts()
	if len(list) != 1 || list[0].Work != (task.Work{Prompt: 3, Units: 12}) || list[0].Charged != 27 || list[0].Request != r.header.Get("X-Request-Id") {
		t.Errorf("receipts %+v", list)
	}
	if r.header.Get("X-Vision-Miner") == "" {
		t.Error("nobody is named")
	}
	// Miners get ordinary requests, each with a seed and an id of its own.
	var seeds, ids []string
	for _, c := range b.relay.called() {
		seed, _ := c.Request.Seed()
		seeds, ids = append(seeds, fmt.Sprint(seed)), append(ids, c.ID)
		if strings.Contains(string(c.Payload), `"n"`) || task.Choices(c.Request) != 1 {
			t.Errorf("a miner was sent %s", c.Payload)
		}
	}
	slices.Sort(seeds)
	slices.Sort(ids)
	if !slices.Equal(seeds, []string{"40", "41", "42"}) || len(slices.Compact(ids)) != 3 {
		t.Errorf("seeds %v, ids %v", seeds, ids)
	}
	entries := b.store.recorded()
	if len(entries) != 3 || b.store.groups != 1 || entries[2].Receipt == nil || entries[2].Outcome.Request != list[0].Request {
		t.Errorf("%d entries in %d groups", len(entries), b.store.groups)
	}
}

func TestSeveralStreams(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, ok(5))
	r := b.do(t, "POST", chatPath, severalOf(3, streamed))
	texts, ids, usage := map[int]string{}, map[string]bool{}, int64(0)
	for line := range strings.Lines(r.body) {
		data, found := strings.CutPrefix(line, "data: {")
		if !found {
			continue
		}
		var chunk struct {
			ID      string
			Choices []struct {
				Index int
				Delta struct{ Content string }
			}
			Usage struct {
				Completion int64 `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal([]byte("{"+data), &chunk); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		ids[chunk.ID] = true
		usage += chunk.Usage.Completion
		for _, c := range chunk.Choices {
			texts[c.Index] += c.Delta.Content
		}
	}
	if len(texts) != 3 || texts[0] != "w0 w1 w2 w3 end" || texts[2] != texts[0] || len(ids) != 1 || usage != 15 || !strings.HasSuffix(r.body, "data: [DONE]\n\n") {
		t.Errorf("%v %v %d\n%s", texts, ids, usage, r.body)
	}
	if list := b.receipts(); len(list) != 1 || list[0].Work.Units != 15 {
		t.Errorf("%+v", list)
	}
	if r.header.Get("X-Vision-Miner") == "" {
		t.Error("nobody is named")
	}
}

// onlyOne fails for the choice whose seed is 41, and waits with the others.
func onlyOne(fail step) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		if seed, _ := c.Request.Seed(); seed == 41 {
			return fail(ctx, c, s)
		}
		if c.Request.Stream() {
			send(s, 1)
		}
		<-ctx.Done()
		return relay.Answer{Started: c.Request.Stream(), Work: task.Work{Units: 1}, Outcome: outcome.Outcome{Status: outcome.Canceled, Reason: outcome.CallerGone}}
	}
}

// If one of several fails the request has, nothing is charged, and the miners of
// the others are not blamed.
func TestOneOfSeveralFails(t *testing.T) {
	for name, body := range map[string]string{"whole": chatBody, "streamed": streamed} {
		t.Run(name, func(t *testing.T) {
			b := prepaid(t, 1_000_000, nil, onlyOne(failing(outcome.Failed, 1, truncated)))
			r := b.do(t, "POST", chatPath, severalOf(3, body))
			if e := r.failure2(t); e != "truncated" || strings.Contains(r.body, "[DONE]") {
				t.Errorf("%d %s", r.status, r.body)
			}
			if len(b.receipts()) > 0 {
				t.Error("something was charged")
			}
			canceled := 0
			for _, e := range b.store.recorded() {
				if e.Outcome.Status == outcome.Canceled {
					canceled++
				}
			}
			if canceled != 2 {
				t.Errorf("%d attempts were cancelled, want the 2 others", canceled)
			}
		})
	}
}

// failure2 is the code of the error that a response or a stream ends with.
func (r reply) failure2(t testing.TB) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.body), "\n")
	return reply{status: r.status, body: strings.TrimPrefix(lines[len(lines)-1], "data: ")}.failure(t).Code
}

func TestHangingUpOnSeveral(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		send(s, 4)
		<-ctx.Done()
		return relay.Answer{Started: true, Work: task.Work{Units: 4, Prompt: 3}, Outcome: outcome.Outcome{Status: outcome.Canceled, Reason: outcome.CallerGone}}
	})
	recorded := make(chan struct{}, 1)
	b.store.written = func([]outcome.Entry) { recorded <- struct{}{} }
	r, _ := http.NewRequest("POST", b.url+chatPath, strings.NewReader(severalOf(2, streamed)))
	r.Header.Set("Authorization", "Bearer "+secret)
	resp, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	for n := 0; n < 8 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data: ") {
			n++
		}
	}
	resp.Body.Close()
	<-recorded
	if p := b.receipts()[0]; p.Class != ledger.Partial || p.Work.Units != 8 || p.Work.Prompt != 3 {
		t.Errorf("%+v", p)
	}
}

func TestNobodyForSeveral(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, busy(time.Second))
	r := b.do(t, "POST", chatPath, severalOf(2, chatBody))
	if r.status != 503 || len(b.receipts()) > 0 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A bug in one choice is an error of ours, and keeps no slot.
func TestPanicInOneOfSeveral(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, onlyOne(func(context.Context, relay.Call, relay.Sink) relay.Answer { panic("a bug") }))
	r := b.do(t, "POST", chatPath, severalOf(3, chatBody))
	if r.status != 500 || len(b.receipts()) > 0 || !strings.Contains(b.log.String(), "level=ERROR") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// The worst case of several answers is held, not that of one.
func TestHoldOfSeveral(t *testing.T) {
	b := prepaid(t, 1100, nil, ok(4)) // one answer may cost some 600
	if r := b.do(t, "POST", chatPath, chatBody); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := b.do(t, "POST", chatPath, severalOf(2, chatBody)); r.status != 429 {
		t.Errorf("%d %s", r.status, r.body)
	}
}
