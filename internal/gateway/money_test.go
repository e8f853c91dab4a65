package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/task"
)

func TestReceipts(t *testing.T) {
	type want struct {
		status  int
		class   ledger.Class
		units   int64
		charged ledger.Amount // 3 + 2 for each unit; 0: there is no receipt
	}
	for name, test := range map[string]struct {
		body  string
		steps []step
		want
	}{
		"whole":                  {chatBody, []step{ok(4)}, want{200, ledger.Complete, 4, 11}},
		"streamed":               {streamed, []step{ok(4)}, want{200, ledger.Complete, 4, 11}},
		"after a failure":        {streamed, []step{failing(outcome.Failed, 0, badGateway), ok(4)}, want{200, ledger.Complete, 4, 11}},
		"failed":                 {chatBody, []step{failing(outcome.Failed, 0, badGateway)}, want{status: 502}},
		"truncated by the miner": {streamed, []step{failing(outcome.Failed, 5, truncated)}, want{status: 200}},
		"our own error":          {chatBody, []step{failing(outcome.Ours, 0, internal)}, want{status: 500}},
		"busy":                   {chatBody, []step{busy(time.Second)}, want{status: 503}},
		"refused":                {chatBody, []step{refusing(400)}, want{status: 400}},
		"left a stream":          {streamed, []step{leaving(5)}, want{200, ledger.Partial, 5, 13}},
		"left before any output": {streamed, []step{leaving(0)}, want{status: 400}},
		"left a whole answer": {chatBody, []step{func(context.Context, relay.Call, relay.Sink) relay.Answer {
			return relay.Answer{Work: task.Work{Units: 9}, Outcome: outcome.Outcome{Status: outcome.Canceled, Reason: outcome.CallerGone}}
		}}, want{status: 400}},
		"a miner claims more": {chatBody, []step{func(_ context.Context, c relay.Call, _ relay.Sink) relay.Answer {
			return relay.Answer{Work: task.Work{Units: 1 << 40, Prompt: 1 << 40}, Body: []byte("{}")}
		}}, want{200, ledger.Complete, 256, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			b := prepaid(t, 1_000_000, nil, test.steps...)
			if r := b.do(t, "POST", chatPath, test.body); r.status != test.status {
				t.Errorf("status %d, want %d: %s", r.status, test.status, r.body)
			}
			list := b.receipts()
			if test.units == 0 {
				if len(list) > 0 {
					t.Errorf("there is a receipt: %+v", list)
				}
				return
			}
			if len(list) != 1 {
				t.Fatalf("%d receipts, want one", len(list))
			}
			r := list[0]
			if test.charged > 0 && r.Charged != test.charged || r.Class != test.class || r.Work.Units != test.units || r.Project != project || r.Key != 7 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What a response says that was used is what its receipt says, to the unit.
func TestUsageIsTheReceipts(t *testing.T) {
	for _, body := range []string{chatBody, streamed} {
		b := prepaid(t, 1_000_000, nil, ok(6))
		r := b.do(t, "POST", chatPath, body)
		var usage struct {
			Usage struct {
				Prompt     int64 `json:"prompt_tokens"`
				Completion int64 `json:"completion_tokens"`
			}
		}
		for line := range strings.Lines(r.body) {
			line = strings.TrimPrefix(line, "data: ")
			if strings.Contains(line, `"usage":{`) {
				if err := json.Unmarshal([]byte(line), &usage); err != nil {
					t.Fatal(err)
				}
			}
		}
		w := b.receipts()[0].Work
		if w.Units != 6 || w.Prompt != 3 || usage.Usage.Completion != w.Units || usage.Usage.Prompt != w.Prompt {
			t.Errorf("the response says %+v, the receipt %+v", usage.Usage, w)
		}
	}
}

func TestFreeProjectsGetReceipts(t *testing.T) {
	b := prepaid(t, 0, nil, ok(4))
	b.books.mu.Lock()
	b.books.projects[0].Kind = apikey.Free
	b.books.mu.Unlock()
	if err := b.readKeys(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := b.do(t, "POST", chatPath, chatBody); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if list := b.receipts(); len(list) != 1 || list[0].Cost != 11 || list[0].Charged != 0 {
		t.Errorf("%+v", list)
	}
}

// A request that could cost more than there is is not sent to a miner, and
// clients that see the answer do not try again by themselves.
func TestNotEnoughMoney(t *testing.T) {
	b := prepaid(t, 300, nil, ok(4)) // 256 tokens of output alone may cost 512
	for _, body := range []string{chatBody, streamed} {
		r := b.do(t, "POST", chatPath, body)
		if e := r.failure(t); r.status != 429 || e.Code != "insufficient_quota" || e.Type != "insufficient_quota" || r.header.Get("X-Should-Retry") != "false" {
			t.Errorf("%d %v %s", r.status, r.header, r.body)
		}
	}
	if n := len(b.relay.called()); n > 0 {
		t.Errorf("%d attempts were made", n)
	}
	small := strings.Replace(chatBody, `{"model"`, `{"max_tokens":10,"model"`, 1)
	if r := b.do(t, "POST", chatPath, small); r.status != 200 {
		t.Errorf("a request that the balance covers: %d %s", r.status, r.body)
	}
}

// 64 clients spend one key's last money at once. Each request may cost 20+ and
// does cost 11; there is enough for some of them, and never less than none.
func TestLastMoneyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const balance = 1000
		b := prepaidPiped(t, balance, nil, ok(4))
		body := strings.Replace(chatBody, `{"model"`, `{"max_tokens":4,"model"`, 1)
		var served, refused atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 8 {
					switch r := b.do(t, "POST", chatPath, body); r.status {
					case 200:
						served.Add(1)
					case 429:
						refused.Add(1)
					default:
						t.Errorf("%d %s", r.status, r.body)
					}
				}
			})
		}
		wg.Wait()
		if n := int64(len(b.receipts())); n != served.Load() || n == 0 || refused.Load() == 0 || n*11 > balance {
			t.Errorf("%d served, %d refused, %d receipts", served.Load(), refused.Load(), n)
		}
	})
}

// What could not be recorded costs nothing; what may have been is not spent twice.
func TestRecordFailsAndMoney(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, ok(4))
	b.store.fails(errors.New("the disk is full"), nil)
	if r := b.do(t, "POST", chatPath, chatBody); r.status != 500 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	b.store.fails(nil, fmt.Errorf("sync: %w", ledger.ErrUnknown))
	if r := b.do(t, "POST", chatPath, chatBody); r.status != 500 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	b.store.unsure = nil
	if n := len(b.receipts()); n != 1 {
		t.Errorf("%d receipts, want the one that was written", n)
	}
}

func TestKeysAndWhatTheyMay(t *testing.T) {
	past := time.Now().Add(-time.Second)
	for name, test := range map[string]struct {
		key    func(*apikey.Key)
		status int
		code   string
	}{
		"scoped to it":      {func(k *apikey.Key) { k.Tasks = apikey.ScopeOf("painter", "talker-8b") }, 200, ""},
		"scoped to another": {func(k *apikey.Key) { k.Tasks = apikey.ScopeOf("painter") }, 403, "model_not_allowed"},
		"expired":           {func(k *apikey.Key) { k.Expires = past }, 401, "expired_api_key"},
		"revoked":           {func(k *apikey.Key) { k.Revoked = past }, 401, "invalid_api_key"},
		"rotated, in grace": {func(k *apikey.Key) { k.Revoked = time.Now().Add(time.Hour) }, 200, ""},
		"spend limit":       {func(k *apikey.Key) { k.SpendLimit = 100 }, 429, "insufficient_quota"},
	} {
		t.Run(name, func(t *testing.T) {
			b := prepaid(t, 1_000_000, test.key, ok(4))
			r := b.do(t, "POST", chatPath, chatBody)
			if r.status != test.status || test.code != "" && r.failure(t).Code != test.code {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

// A key's list of models holds those that it may use.
func TestModelsOfAScope(t *testing.T) {
	b := prepaid(t, 1_000_000, func(k *apikey.Key) { k.Tasks = apikey.ScopeOf("painter") }, ok(4))
	r := b.do(t, "GET", modelsPath, "")
	if r.status != 200 || !strings.Contains(r.body, `"id":"painter"`) || strings.Contains(r.body, "talker") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestArchivedProject(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, ok(4))
	b.books.mu.Lock()
	b.books.projects[0].Archived = time.Now()
	b.books.mu.Unlock()
	if err := b.readKeys(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := b.do(t, "POST", chatPath, chatBody); r.status != 403 || r.failure(t).Code != "project_archived" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestUsageEndpoint(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, ok(4))
	r := b.do(t, "GET", usagePath+"?from=2026-11-01&to=2026-12-01&by=day,model,key", "")
	want := `{"object":"usage","project":"shop","kind":"prepaid","balance":42,"from":"2026-11-01","to":"2026-12-01","data":[` +
		`{"day":"2026-11-02","model":"talker-8b","unit":"token","requests":2,"partial":1,"prompt_tokens":6,"units":10,"cost":5,"charged":5}]}`
	if r.status != 200 || r.body != want {
		t.Errorf("%d %s\nwant %s", r.status, r.body, want)
	}
	if b.books.asked.Project != project || b.books.asked.By != ledger.ByDay|ledger.ByTask|ledger.ByKey {
		t.Errorf("asked for %+v", b.books.asked)
	}
	for _, query := range []string{"?from=yesterday", "?by=weather", "?of=project", "?from=2026-12-01&to=2026-11-01", "?from=2020-01-01", "?%zz"} {
		if r := b.do(t, "GET", usagePath+query, ""); r.status != 400 || r.failure(t).Message == "" {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
	if r := b.do(t, http.MethodPost, usagePath, ""); r.status != 405 {
		t.Errorf("POST: %d", r.status)
	}
	if r := b.do(t, "GET", usagePath, "", "Authorization", "Bearer sk-wrong"); r.status != 401 {
		t.Errorf("with a wrong key: %d", r.status)
	}
	b.books.down = errors.New("no database")
	if r := b.do(t, "GET", usagePath, ""); r.status != 503 || r.failure(t).Code != "usage_unavailable" || r.header.Get("Retry-After") != "1" || strings.Contains(r.body, "database") {
		t.Errorf("while the books cannot be read: %d %v %s", r.status, r.header, r.body)
	}
	if b.books.prices != 1 {
		t.Errorf("the prices of one catalogue were noted %d times", b.books.prices)
	}
}

// A request that might cost more than any receipt may say is refused before anybody is asked.
func TestTooExpensive(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, ok(4))
	all := tasks()
	for i := range all {
		all[i].Price = task.Price{Output: int64(ledger.MaxCost)}
	}
	c, err := task.NewCatalogue(all)
	if err != nil {
		t.Fatal(err)
	}
	b.Gateway.Catalogue = func() *task.Catalogue { return c }
	most := strings.Replace(chatBody, "{", `{"max_tokens":256,`, 1)
	if r := b.do(t, "POST", chatPath, strings.Replace(most, "{", `{"n":4,`, 1)); r.status != 400 || r.failure(t).Code != "request_too_expensive" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := b.do(t, "POST", chatPath, most); r.status != 429 || r.failure(t).Code != "insufficient_quota" {
		t.Errorf("one that some balance would cover: %d %s", r.status, r.body)
	}
}
