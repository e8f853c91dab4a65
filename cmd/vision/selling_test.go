package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vision/internal/admin"
)

// outOfJSON is what the program prints, read.
func outOfJSON[T any](t *testing.T, args ...string) (v T) {
	t.Helper()
	text := vision(t, args...)
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("vision %s: %v: %s", strings.Join(args, " "), err, text)
	}
	return v
}

// reply is what a customer got.
type reply struct {
	status  int
	request string // id
	code    string // of an error
	retry   string // X-Should-Retry
	prompt  int64
	output  int64
	body    string
}

const smallChat = `{"model":"vision-ref-chat","max_tokens":4,"messages":[{"role":"user","content":"Rivers?"}]}`

// customer asks once, as an OpenAI client does that does not repeat by itself.
func customer(ctx context.Context, api, key, body string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", api+"/chat/completions", strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}, err
	}
	var read struct {
		Usage struct {
			Prompt int64 `json:"prompt_tokens"`
			Output int64 `json:"completion_tokens"`
		}
		Error struct{ Code string }
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return reply{}, fmt.Errorf("%w: %s", err, text)
	}
	return reply{answer.StatusCode, answer.Header.Get("X-Request-Id"), read.Error.Code, answer.Header.Get("X-Should-Retry"), read.Usage.Prompt, read.Usage.Output, string(text)}, nil
}

// crowd is how many customers spend at once what is not enough for all: eight for each
// slot of two miners, or fewer where the race detector makes each as much work as ten.
const crowd = 64 / (slowness * slowness)

// spend has n customers ask with one key at once, through several gateways in
// turn, until each is told that the money has run out. It gives the ids of
// the requests that were served.
func spend(t *testing.T, key string, n int, apis ...string) (served []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex // guards served
	var customers sync.WaitGroup
	for i := range n {
		customers.Go(func() {
			for at := i; ; at++ {
				r, err := customer(ctx, apis[at%len(apis)], key, smallChat)
				switch {
				case err != nil:
					t.Errorf("customer %d: %v", i, err)
					return
				case r.status == 200:
					mu.Lock()
					served = append(served, r.request)
					mu.Unlock()
				case r.code == "insufficient_quota":
					if r.status != 429 || r.retry != "false" {
						t.Errorf("customer %d is told that the money has run out with status %d and X-Should-Retry %q", i, r.status, r.retry)
					}
					return
				case r.status != 429 && r.status != 503 && !strings.HasSuffix(r.code, "_timeout"): // the machine may be as slow as that
					t.Errorf("customer %d: %d %s", i, r.status, r.body)
					return
				default: // miners are busy: they are not asked so often that they stay it
					select {
					case <-time.After(50 * time.Millisecond):
					case <-ctx.Done():
					}
				}
			}
		})
	}
	customers.Wait()
	return served
}

// spentToTheEnd checks that a project paid for each request that was served
// once, spent all that could be spent of what it had, and no more.
func spentToTheEnd(t *testing.T, where []string, project string, paidIn int64, served []string) {
	t.Helper()
	const worst = 10 // micro-credits that a small chat may cost, and more
	var p admin.Project
	var charged int64
	until(t, "all receipts are booked", func() bool {
		charged = 0
		var booked []string
		d := json.NewDecoder(strings.NewReader(vision(t, append([]string{"receipts", "--json", "--project", project}, where...)...)))
		for d.More() {
			var r admin.Receipt
			if err := d.Decode(&r); err != nil {
				t.Fatal(err)
			}
			booked = append(booked, r.Request)
			charged += r.Charged
		}
		slices.Sort(booked)
		slices.Sort(served)
		p = outOfJSON[admin.Project](t, append([]string{"project", "show", project, "--json"}, where...)...)
		return slices.Equal(booked, served) && p.Balance == paidIn-charged
	})
	if p.Balance < 0 || p.Balance >= worst {
		t.Errorf("of %d micro-credits %d are left, want less than %d", paidIn, p.Balance, worst)
	}
	if v := outOfJSON[admin.Verification](t, append([]string{"ledger", "verify", "--json"}, where...)...); !v.OK {
		t.Errorf("the books are not in order: %+v", v)
	}
	s := outOfJSON[admin.Statement](t, append([]string{"statement", "--json", "--project", project}, where...)...)
	if s.Opening+s.Deposits+s.Adjustments+s.Refunds+s.Cover-s.Charges != s.Closing || s.Closing != p.Balance || s.Charges != charged || s.Requests != int64(len(served)) {
		t.Errorf("the statement does not agree with %d receipts of %d and a balance of %d: %+v", len(served), charged, p.Balance, s)
	}
}

// Access is sold as docs/operating.md tells: a project, a key, a payment,
// requests until the money has run out, usage, a statement; and the admin API
// beside it.
func TestSellingAccess(t *testing.T) {
	t.Parallel()
	data := patientDevnet(t)
	where := []string{"--data", data}
	in := func(args ...string) []string { return append(args, where...) }
	net := start(t, "devnet", "devnet", "--data", data, "--period", "1m", "--miners", "2", "--admin", "127.0.0.1:0", "--prepaid", "1.5")
	line, _ := net.says(t, "API base URL", 0)
	api := "http" + strings.SplitN(line, "http", 2)[1]
	line, _ = net.says(t, "Prepaid key", 0)
	prepaid := line[strings.Index(line, "sk-"):]
	line, _ = net.says(t, "Admin API", 0)
	adminAPI := "http" + strings.SplitN(line, "http", 2)[1]

	vision(t, in("project", "create", "shop")...)
	key := outOfJSON[admin.Key](t, in("key", "create", "--project", "shop", "--name", "app", "--tasks", "vision-ref-chat", "--json")...)
	ask := func() (r reply) {
		t.Helper()
		until(t, "the gateway knows the key", func() bool {
			var err error
			r, err = customer(t.Context(), api, key.Key, smallChat)
			return err == nil && r.status != 401 && r.status != 503 // it says to try again
		})
		return r
	}
	if r := ask(); r.status != 429 || r.code != "insufficient_quota" || r.retry != "false" {
		t.Fatalf("before anything was paid in: %+v", r)
	}
	for range 2 {
		vision(t, in("project", "deposit", "shop", "0.0001", "--reference", "invoice 1")...)
	}
	var first reply
	until(t, "the payment can be spent", func() bool { first = ask(); return first.status == 200 })
	if first.prompt == 0 || first.output == 0 {
		t.Fatalf("a request that is paid for: %+v", first)
	}
	served := append([]string{first.request}, spend(t, key.Key, crowd, api)...)
	served = append(served, spend(t, key.Key, 1, api)...) // what was held while others were refused
	if len(served) < 20 {
		t.Errorf("only %d requests were served", len(served))
	}
	spentToTheEnd(t, where, "shop", 100, served)

	// The receipt says what the response said.
	usage := outOfJSON[admin.UsageReport](t, in("usage", "--project", "shop", "--by", "key,task", "--json")...)
	if len(usage.Data) != 1 || usage.Data[0].Key != key.ID || usage.Data[0].Task != "vision-ref-chat" || usage.Data[0].Requests != int64(len(served)) {
		t.Errorf("usage is %+v", usage)
	}
	token, err := os.ReadFile(filepath.Join(data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	office := func(method, path, body string, status int, into any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, adminAPI+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(token)))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		if err := json.Unmarshal(text, into); err != nil || answer.StatusCode != status {
			t.Fatalf("%s %s: %d %s, %v", method, path, answer.StatusCode, text, err)
		}
	}
	var receipt admin.Receipt
	office("GET", "/receipts/"+first.request, "", 200, &receipt)
	if receipt.Prompt != first.prompt || receipt.Units != first.output || receipt.Charged == 0 || receipt.Key != key.ID {
		t.Errorf("the receipt %+v is not of %+v", receipt, first)
	}
	// A refund, and a payment over the API, can be spent at once.
	var booked admin.Transaction
	office("POST", "/receipts/"+first.request+"/refunds", `{"note":"an apology"}`, 201, &booked)
	office("POST", "/projects/shop/deposits", `{"amount":50,"reference":"invoice 2"}`, 201, &booked)
	until(t, "the project can be used again", func() bool {
		r, err := customer(t.Context(), api, key.Key, smallChat)
		if err == nil && r.status == 200 {
			served = append(served, r.request)
			return true
		}
		return false
	})
	served = append(served, spend(t, key.Key, 4, api)...)
	served = append(served, spend(t, key.Key, 1, api)...)
	spentToTheEnd(t, where, "shop", 150+receipt.Charged, served)

	// A spend limit holds whatever the project has.
	limited := outOfJSON[admin.Key](t, in("key", "create", "--project", "prepaid", "--spend-limit", "0.00005", "--json")...)
	until(t, "the gateway knows the limited key", func() bool {
		r, err := customer(t.Context(), api, limited.Key, smallChat)
		return err == nil && r.status == 200
	})
	spend(t, limited.Key, 8, api)
	until(t, "what the limited key has spent is booked", func() bool {
		limited = outOfJSON[admin.Key](t, in("key", "show", fmt.Sprint(limited.ID), "--json")...)
		return limited.Spent > 30
	})
	if limited.Spent > limited.SpendLimit {
		t.Errorf("the key spent %d of %d", limited.Spent, limited.SpendLimit)
	}
	until(t, "another key of the project is served", func() bool { // once a miner is free, as after a period's end
		r, err := customer(t.Context(), api, prepaid, smallChat)
		if err == nil && r.status != 200 && r.status != 503 {
			t.Fatalf("another key of the project: %+v", r)
		}
		return err == nil && r.status == 200
	})

	inOrder := net.terminate(t)
	if p := outOfJSON[admin.Project](t, in("project", "show", "prepaid", "--json")...); p.Leased != 0 && inOrder || p.Balance >= 1_500_000 || p.Balance < 1_499_900 {
		t.Errorf("after the end: %+v", p)
	}
	if text := vision(t, in("ledger", "verify")...); !strings.Contains(text, "The books are in order.") {
		t.Error(text)
	}
}

// Two gateways on one database spend a key's last credit, and no more.
func (n *separate) sharesLastCredit(t *testing.T) {
	config := filepath.Join(n.folder, "validator.yaml")
	where := []string{"--config", config}
	line, _ := n.second.says(t, "validator is ready", 0)
	other := "http://" + value(line, "api") + "/v1"
	vision(t, append([]string{"project", "create", "shop"}, where...)...)
	vision(t, append([]string{"project", "deposit", "shop", "0.0001"}, where...)...)
	key := outOfJSON[admin.Key](t, append([]string{"key", "create", "--project", "shop", "--json"}, where...)...)
	var served []string
	for _, api := range []string{n.api, other} {
		until(t, "a gateway serves", func() bool {
			r, err := customer(t.Context(), api, key.Key, smallChat)
			if err == nil && r.status == 200 {
				served = append(served, r.request)
			}
			return err == nil && r.status == 200
		})
	}
	served = append(served, spend(t, key.Key, crowd, n.api, other)...)
	served = append(served, spend(t, key.Key, 1, other)...) // also what the first gateway has on lease
	spentToTheEnd(t, where, "shop", 100, served)
	n.second.terminate(t)
}
