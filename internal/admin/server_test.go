package admin

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vision/internal/config"
	"vision/internal/ledger"
	"vision/internal/task"
)

const token = "0123456789abcdef0123456789abcdef"

func TestOnlyTheTokenOpens(t *testing.T) {
	f := newFixture(t)
	from := func(address, authorization string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/admin/v1/projects", nil)
		r.RemoteAddr = address
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		f.server.ServeHTTP(w, r)
		return w
	}
	for range 10 {
		if w := from("192.0.2.1:1", "bearer "+token); w.Code != 200 {
			t.Fatalf("the right token: %d %s", w.Code, w.Body)
		}
	}
	for i, wrong := range []string{"", "Bearer " + token + "x", "Basic " + token} {
		w := from(fmt.Sprintf("192.0.2.1:%d", i), wrong)
		if w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" || !strings.Contains(w.Body.String(), "invalid_token") {
			t.Errorf("%q: %d %s", wrong, w.Code, w.Body)
		}
	}
	wrong := "Bearer " + token + "x"
	if w := from("192.0.2.1:9", wrong); w.Code != 429 || w.Header().Get("Retry-After") != "20" {
		t.Errorf("a guess after as many as are allowed: %d %v", w.Code, w.Header())
	}
	if w := from("192.0.2.1:9", "Bearer "+token); w.Code != 200 {
		t.Errorf("somebody who guesses locks out who knows: %d %s", w.Code, w.Body)
	}
	if w := from("192.0.2.2:1", wrong); w.Code != 401 {
		t.Errorf("another address: %d", w.Code)
	}
	f.now = f.now.Add(21 * time.Second)
	if w := from("192.0.2.1:9", wrong); w.Code != 401 {
		t.Errorf("a guess when told to come back: %d", w.Code)
	}
	if strings.Contains(f.log.String(), token) {
		t.Error("the token is in the log")
	}
	if _, err := NewServer(Config{Office: f.server.office, Token: token[1:]}); err == nil {
		t.Error("a token of 31 bytes is taken")
	}
}

// The life of a customer, from the project to the statement.
func TestSelling(t *testing.T) {
	f := newFixture(t)
	p := get[Project](f, 201, "POST", "/admin/v1/projects", `{"name":"shop"}`)
	if p.Kind != "prepaid" || p.Balance != 0 {
		t.Fatalf("%+v", p)
	}
	paid := get[Transaction](f, 201, "POST", "/admin/v1/projects/shop/deposits", `{"amount":5000000,"reference":"invoice 7","note":"first"}`)
	f.now = f.now.Add(time.Second)
	again := get[Transaction](f, 200, "POST", "/admin/v1/projects/shop/deposits", `{"amount":5000000,"reference":"invoice 7"}`)
	if paid.ID != again.ID || paid.Amount != 5_000_000 || paid.To != fmt.Sprintf("project:%d", p.ID) {
		t.Errorf("the same payment twice: %+v and %+v", paid, again)
	}
	f.refused(409, "reference_taken", "reference", "POST", "/admin/v1/projects/shop/deposits", `{"amount":6000000,"reference":"invoice 7"}`)
	f.refused(400, "invalid_value", "reference", "POST", "/admin/v1/projects/shop/deposits", `{"amount":1}`)
	f.refused(400, "invalid_value", "amount", "POST", "/admin/v1/projects/shop/deposits", `{"amount":-1,"reference":"x"}`)
	get[Transaction](f, 201, "POST", "/admin/v1/projects/shop/adjustments", `{"amount":-1000000,"note":"fee"}`)
	f.refused(400, "invalid_value", "note", "POST", "/admin/v1/projects/shop/adjustments", `{"amount":-1}`)
	f.refused(409, "insufficient_balance", "", "POST", "/admin/v1/projects/shop/adjustments", `{"amount":-9000000,"note":"too much"}`)

	k := get[Key](f, 201, "POST", "/admin/v1/keys", `{"project":"shop","name":"app","tasks":["chat","embed"],"per_minute":60,"tokens_per_minute":1000,"concurrent":4,"spend_limit":3000000,"expires":"2027-01-01T00:00:00Z"}`)
	if !strings.HasPrefix(k.Key, "sk-") || k.State != "valid" || k.Project != "shop" || len(k.Tasks) != 2 || k.PerMinute != 60 || k.TokensPerMinute != 1000 || k.Concurrent != 4 || k.SpendLimit != 3_000_000 || k.Expires == nil {
		t.Errorf("%+v", k)
	}
	f.serve("r1", k, 1_000_000, t0.Add(-30*24*time.Hour)) // in October
	f.serve("r2", k, 200_000, t0)
	f.serve("r3", k, 300_000, t0.Add(time.Hour))
	next := get[Key](f, 201, "POST", fmt.Sprintf("/admin/v1/keys/%d/rotate", k.ID), `{"grace_seconds":60}`)
	if next.Key == k.Key || next.RotatedFrom != k.ID || next.SpendLimit != k.SpendLimit || next.Spent != 1_500_000 || next.PerMinute != 60 {
		t.Errorf("%+v", next)
	}
	path := fmt.Sprintf("/admin/v1/keys/%d", k.ID)
	if old := get[Key](f, 200, "GET", path, ""); old.State != "retiring" || old.Key != "" {
		t.Errorf("%+v", old)
	}
	f.refused(409, "key_rotated", "", "POST", path+"/rotate", "")
	f.now = f.now.Add(61 * time.Second)
	if old := get[Key](f, 200, "GET", path, ""); old.State != "revoked" {
		t.Errorf("%+v", old)
	}
	f.refused(404, "key_not_found", "key", "POST", path+"/revoke", "")
	if gone := get[Key](f, 200, "POST", fmt.Sprintf("/admin/v1/keys/%d/revoke", next.ID), ""); gone.State != "revoked" {
		t.Errorf("%+v", gone)
	}

	get[Transaction](f, 201, "POST", "/admin/v1/receipts/r2/refunds", `{"amount":50000,"note":"slow"}`)
	f.refused(409, "over_refund", "amount", "POST", "/admin/v1/receipts/r2/refunds", `{"amount":150001}`)
	for _, amount := range []string{"null", "0", "-1", `"1"`, "1.5", "{}"} {
		f.refused(400, "invalid_value", "amount", "POST", "/admin/v1/receipts/r2/refunds", `{"amount":`+amount+`}`)
	}
	if rest := get[Transaction](f, 201, "POST", "/admin/v1/receipts/r2/refunds", `{}`); rest.Amount != 150_000 {
		t.Errorf("the rest of it: %+v", rest)
	}
	f.refused(409, "over_refund", "amount", "POST", "/admin/v1/receipts/r2/refunds", "")
	f.refused(404, "receipt_not_found", "request", "POST", "/admin/v1/receipts/r9/refunds", "")

	s := get[Statement](f, 200, "GET", "/admin/v1/projects/shop/statement?month=2026-11", "")
	if s.Opening != -1_000_000 || s.Deposits != 5_000_000 || s.Adjustments != -1_000_000 || s.Refunds != 200_000 || s.Charges != 500_000 || s.Closing != 2_700_000 || !s.Provisional {
		t.Errorf("%+v", s)
	}
	shown := get[Project](f, 200, "GET", fmt.Sprintf("/admin/v1/projects/%d", p.ID), "")
	if shown.Balance != s.Closing {
		t.Errorf("the balance is %d, the statement closes with %d", shown.Balance, s.Closing)
	}
	for format, want := range map[string]string{"html": "<h1>Statement of project shop, November 2026</h1>", "text": "Closing balance"} {
		if w := f.ask("GET", "/admin/v1/projects/shop/statement?month=2026-11&format="+format, ""); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", format, w.Code, w.Body)
		}
	}
	if v := get[Verification](f, 200, "GET", "/admin/v1/ledger/verify", ""); !v.OK || v.Total != 0 || v.Receipts != 3 || v.Deposited != 4_000_000 || v.Earned != 1_300_000 {
		t.Errorf("%+v", v)
	}
	if done := get[Project](f, 200, "POST", "/admin/v1/projects/shop/archive", ""); done.Archived == nil {
		t.Errorf("%+v", done)
	}
	f.refused(409, "project_archived", "", "POST", "/admin/v1/projects/shop/deposits", `{"amount":1,"reference":"late"}`)
	f.refused(409, "project_archived", "", "POST", "/admin/v1/keys", `{"project":"shop"}`)
	for _, secret := range []string{k.Key, next.Key, token} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("%.8s… is in the log", secret)
		}
	}
}

// What is exported is what is listed, page by page, and sums up to the balance.
func TestLists(t *testing.T) {
	f := newFixture(t)
	get[Project](f, 201, "POST", "/admin/v1/projects", `{"name":"shop","kind":"prepaid"}`)
	get[Transaction](f, 201, "POST", "/admin/v1/projects/shop/deposits", `{"amount":5000000,"reference":"a"}`)
	var keys []Key
	for range 3 {
		keys = append(keys, get[Key](f, 201, "POST", "/admin/v1/keys", `{"project":"shop"}`))
	}
	var want int64
	for i := range 25 {
		f.serve(fmt.Sprintf("r%02d", i), keys[i%3], ledger.Amount(i+1), t0.Add(-time.Duration(i)*time.Hour))
		want += int64(i + 1)
	}
	sum, n, after := int64(0), 0, ""
	for more := true; more; n++ {
		page := get[list[Receipt]](f, 200, "GET", "/admin/v1/receipts?project=shop&limit=10&after="+after, "")
		for _, r := range page.Data {
			sum += r.Charged
		}
		after, more = page.Next, page.Next != ""
	}
	if sum != want || n != 3 {
		t.Errorf("%d pages of receipts sum up to %d, want 3 and %d", n, sum, want)
	}
	for path, column := range map[string]int{
		"/admin/v1/receipts?format=csv&project=shop":                                12,
		"/admin/v1/usage?format=csv&project=shop&from=2026-11-01&to=2026-12-01":     11,
		"/admin/v1/usage?format=csv&by=key&from=2026-11-01&to=2026-12-01&task=chat": 11,
	} {
		w := f.ask("GET", path, "")
		rows, err := csv.NewReader(w.Body).ReadAll()
		if err != nil || w.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Fatal(err, w.Header())
		}
		sum := int64(0)
		for _, row := range rows[1:] {
			var n int64
			fmt.Sscan(row[column], &n)
			sum += n
		}
		if sum != want || rows[0][column] != "charged_microcredits" {
			t.Errorf("%s sums up to %d, want %d: %v", path, sum, want, rows[0])
		}
	}
	report := get[UsageReport](f, 200, "GET", fmt.Sprintf("/admin/v1/usage?by=key,day&key=%d&from=2026-11-20&to=2026-11-21", keys[0].ID), "")
	if len(report.Data) != 1 || report.Data[0].Requests != 5 || report.Data[0].Key != keys[0].ID || report.Data[0].Day != "2026-11-20" || report.Data[0].Task != "" {
		t.Errorf("%+v", report)
	}
	all := get[list[Transaction]](f, 200, "GET", "/admin/v1/transactions?project=shop&kind=charge,deposit&limit=1000", "")
	if len(all.Data) != 26 || all.Next != "" || all.Data[0].Kind != "deposit" || all.Data[1].Request == "" {
		t.Errorf("%d transactions: %+v", len(all.Data), all.Data[0])
	}
	first := get[list[Transaction]](f, 200, "GET", "/admin/v1/transactions?limit=1", "")
	second := get[list[Transaction]](f, 200, "GET", "/admin/v1/transactions?limit=1&after="+first.Next, "")
	if second.Data[0].ID != first.Data[0].ID+1 {
		t.Errorf("%+v, then %+v", first, second)
	}
	page := get[list[Key]](f, 200, "GET", "/admin/v1/keys?project=shop&limit=2", "")
	rest := get[list[Key]](f, 200, "GET", "/admin/v1/keys?project=shop&limit=2&after="+page.Next, "")
	if len(page.Data) != 2 || len(rest.Data) != 1 || rest.Next != "" {
		t.Errorf("%+v, then %+v", page, rest)
	}
	if projects := get[list[Project]](f, 200, "GET", "/admin/v1/projects", ""); len(projects.Data) != 2 || projects.Data[1].Balance != 5_000_000-want || projects.Data[1].Keys != 3 {
		t.Errorf("%+v", projects)
	}
	if r := get[Receipt](f, 200, "GET", "/admin/v1/receipts/r04", ""); r.Charged != 5 || r.Units != 5000 || r.Prompt != 5 || r.Class != "complete" {
		t.Errorf("%+v", r)
	}
	if _, err := f.store.SavePrices(t.Context(), map[string]task.Price{"chat": {Prompt: 1, Output: 2}}, t0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.SavePrices(t.Context(), map[string]task.Price{"chat": {Prompt: 1, Output: 3}}, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	prices := get[list[Price]](f, 200, "GET", "/admin/v1/prices?task=chat", "")
	if len(prices.Data) != 2 || prices.Data[0].Now || !prices.Data[1].Now || prices.Data[1].Output != 3 {
		t.Errorf("%+v", prices)
	}
}

func TestMistakes(t *testing.T) {
	f := newFixture(t)
	get[Project](f, 201, "POST", "/admin/v1/projects", `{"name":"shop"}`)
	get[Project](f, 201, "POST", "/admin/v1/projects", `{"name":"2"}`) // the shop's number
	for _, c := range []struct {
		status             int
		code, param        string
		method, path, body string
	}{
		{404, "unknown_path", "", "GET", "/admin/v1/nothing", ""},
		{404, "unknown_path", "", "GET", "/", ""},
		{405, "method_not_allowed", "", "DELETE", "/admin/v1/projects", ""},
		{405, "method_not_allowed", "", "GET", "/admin/v1/projects/shop/deposits", ""},
		{400, "invalid_json", "", "POST", "/admin/v1/projects", `[]`},
		{400, "invalid_json", "", "POST", "/admin/v1/projects", `{"name":`},
		{400, "invalid_json", "", "POST", "/admin/v1/projects", `{"name":"a"} {}`},
		{400, "invalid_json", "", "POST", "/admin/v1/projects", "{\"name\":\"\xff\"}"},
		{400, "invalid_value", "Name", "POST", "/admin/v1/projects", `{"Name":"a"}`},
		{400, "invalid_value", "name", "POST", "/admin/v1/projects", `{"name":"a","name":"b"}`},
		{400, "invalid_value", "name", "POST", "/admin/v1/projects", `{"name":7}`},
		{400, "invalid_value", "name", "POST", "/admin/v1/projects", `{"name":"a b"}`},
		{400, "invalid_value", "name", "POST", "/admin/v1/projects", `{}`},
		{400, "invalid_value", "kind", "POST", "/admin/v1/projects", `{"name":"a","kind":"postpaid"}`},
		{409, "project_exists", "name", "POST", "/admin/v1/projects", `{"name":"shop"}`},
		{413, "body_too_large", "", "POST", "/admin/v1/projects", `{"name":"` + strings.Repeat("a", MaxBody) + `"}`},
		{404, "project_not_found", "project", "GET", "/admin/v1/projects/none", ""},
		{400, "invalid_value", "project", "GET", "/admin/v1/projects/2", ""},
		{400, "invalid_value", "amount", "POST", "/admin/v1/projects/shop/deposits", `{"amount":1.5,"reference":"x"}`},
		{400, "invalid_value", "amount", "POST", "/admin/v1/projects/shop/deposits", `{"amount":9223372036854775808,"reference":"x"}`},
		{400, "invalid_value", "reference", "POST", "/admin/v1/projects/shop/deposits", `{"amount":1,"reference":"` + strings.Repeat("x", ledger.MaxText+1) + `"}`},
		{400, "invalid_value", "tasks", "POST", "/admin/v1/keys", `{"tasks":["a,b"]}`},
		{400, "invalid_value", "tasks", "POST", "/admin/v1/keys", `{"tasks":"a"}`},
		{400, "invalid_key", "", "POST", "/admin/v1/keys", `{"per_minute":-1}`},
		{400, "invalid_value", "expires", "POST", "/admin/v1/keys", `{"expires":"2020-01-01T00:00:00Z"}`},
		{400, "invalid_value", "expires", "POST", "/admin/v1/keys", `{"expires":"3000-01-01T00:00:00Z"}`},
		{400, "invalid_json", "", "POST", "/admin/v1/keys", `{"expires":"soon"}`},
		{404, "key_not_found", "key", "GET", "/admin/v1/keys/99", ""},
		{404, "key_not_found", "key", "POST", "/admin/v1/keys/x/rotate", ""},
		{400, "invalid_value", "grace_seconds", "POST", "/admin/v1/keys/1/rotate", `{"grace_seconds":99999999999}`},
		{400, "invalid_value", "limit", "GET", "/admin/v1/keys?limit=0", ""},
		{400, "invalid_value", "limit", "GET", "/admin/v1/keys?limit=1&limit=2", ""},
		{400, "invalid_value", "cursor", "GET", "/admin/v1/keys?cursor=1", ""},
		{400, "invalid_value", "x", "GET", "/admin/v1/ledger/verify?x=1", ""},
		{400, "invalid_value", "x", "POST", "/admin/v1/projects?x=1", `{"name":"a"}`},
		{400, "invalid_value", "by", "GET", "/admin/v1/usage?by=miner", ""},
		{400, "invalid_value", "from", "GET", "/admin/v1/usage?from=1.11.2026", ""},
		{400, "invalid_value", "from", "GET", "/admin/v1/usage?from=2020-01-01&to=2026-01-01", ""},
		{400, "invalid_value", "format", "GET", "/admin/v1/usage?format=xml", ""},
		{400, "invalid_value", "project", "GET", "/admin/v1/receipts", ""},
		{400, "invalid_value", "project", "GET", "/admin/v1/receipts?format=csv", ""},
		{400, "invalid_value", "to", "GET", "/admin/v1/transactions?to=9999-01-01", ""},
		{400, "invalid_value", "from", "GET", "/admin/v1/receipts?project=shop&from=0001-01-01", ""},
		{400, "invalid_value", "month", "GET", "/admin/v1/projects/shop/statement?month=0001-01", ""},
		{400, "invalid_value", "kind", "GET", "/admin/v1/transactions?kind=loan", ""},
		{400, "invalid_value", "month", "GET", "/admin/v1/projects/shop/statement?month=november", ""},
		{400, "invalid_value", "month", "GET", "/admin/v1/projects/shop/statement?month=2027-01", ""},
		{400, "default_project", "", "POST", "/admin/v1/projects/default/archive", ""},
	} {
		f.refused(c.status, c.code, c.param, c.method, c.path, c.body)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/admin/v1/projects/shop/deposits", strings.NewReader(`{"amount":1,"reference":"x"}`))
	r.Header = http.Header{"Authorization": {"Bearer " + token}, "Idempotency-Key": {"y"}}
	if f.server.ServeHTTP(w, r); w.Code != 400 {
		t.Errorf("a reference and an idempotency key that differ: %d %s", w.Code, w.Body)
	}
	if v := get[Verification](f, 200, "GET", "/admin/v1/ledger/verify", ""); v.Transactions != 0 {
		t.Errorf("mistakes were booked: %+v", v)
	}
}

// A key is scoped to tasks that there are, if they are known.
func TestScopes(t *testing.T) {
	f := newFixture(t)
	catalogue, err := config.ParseCatalogue("catalogue.yaml", config.DevnetCatalogue())
	if err != nil {
		t.Fatal(err)
	}
	f.server.office.Catalogue = func() *task.Catalogue { return catalogue }
	get[Key](f, 201, "POST", "/admin/v1/keys", `{"tasks":["vision-ref-chat"]}`)
	w := f.ask("POST", "/admin/v1/keys", `{"tasks":["vision-ref-chap"]}`)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "Did you mean vision-ref-chat?") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.refused(400, "invalid_value", "tasks", "POST", "/admin/v1/keys", `{"tasks":["vision-ref-chat","gpt"]}`)
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"name":"a","amount":1,"list":["x"]}`, `{"amount":1e3}`, `{"name":"a","name":"b"}`, `{"NAME":1}`, `[]`, `{} {}`, `{"at":"2026-11-01T00:00:00Z"}`, "{\"\xff\":1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var v struct {
			Name   string     `json:"name"`
			Amount int64      `json:"amount"`
			List   []string   `json:"list"`
			At     *time.Time `json:"at"`
		}
		if decode(text, &v) != nil {
			return
		}
		var any map[string]json.RawMessage
		if err := json.Unmarshal(text, &any); err != nil {
			t.Fatalf("%q is decoded, and is no object: %v", text, err)
		}
		for name := range any {
			if name != "name" && name != "amount" && name != "list" && name != "at" {
				t.Fatalf("%q is decoded with the field %q", text, name)
			}
		}
	})
}
