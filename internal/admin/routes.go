package admin

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/statement"
)

// routes are the paths, and what each of their methods does.
func (s *Server) routes() map[string]map[string]action {
	type m = map[string]action
	return map[string]map[string]action{
		"/admin/v1/projects":                       m{"GET": s.listProjects, "POST": s.createProject},
		"/admin/v1/projects/{project}":             m{"GET": s.showProject},
		"/admin/v1/projects/{project}/archive":     m{"POST": s.archiveProject},
		"/admin/v1/projects/{project}/deposits":    m{"POST": s.deposit},
		"/admin/v1/projects/{project}/adjustments": m{"POST": s.adjust},
		"/admin/v1/projects/{project}/statement":   m{"GET": s.statement},
		"/admin/v1/keys":                           m{"GET": s.listKeys, "POST": s.createKey},
		"/admin/v1/keys/{key}":                     m{"GET": s.showKey},
		"/admin/v1/keys/{key}/revoke":              m{"POST": s.revokeKey},
		"/admin/v1/keys/{key}/rotate":              m{"POST": s.rotateKey},
		"/admin/v1/usage":                          m{"GET": s.usage},
		"/admin/v1/receipts":                       m{"GET": s.listReceipts},
		"/admin/v1/receipts/{request}":             m{"GET": s.showReceipt},
		"/admin/v1/receipts/{request}/refunds":     m{"POST": s.refund},
		"/admin/v1/transactions":                   m{"GET": s.listTransactions},
		"/admin/v1/prices":                         m{"GET": s.listPrices},
		"/admin/v1/ledger/verify":                  m{"GET": s.verify},
	}
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
	return nil
}

// result answers with what an Office gave.
func result[T any](w http.ResponseWriter, status int, value T, err error) error {
	if err != nil {
		return err
	}
	return answer(w, status, value)
}

// list is a page of a list.
type list[T any] struct {
	Object string `json:"object"` // "list"
	Data   []T    `json:"data"`
	Next   string `json:"next,omitempty"` // the after of the next page; absent on the last
}

// paged cuts a page of a list that is in the order of its numbers.
func paged[T any](w http.ResponseWriter, all []T, id func(*T) int64, after, limit int64) error {
	page := list[T]{Object: "list", Data: []T{}}
	for i := range all {
		if id(&all[i]) <= after {
			continue
		}
		if int64(len(page.Data)) == limit {
			page.Next = number(id(&page.Data[limit-1]))
			break
		}
		page.Data = append(page.Data, all[i])
	}
	return answer(w, http.StatusOK, page)
}

func (s *Server) listProjects(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "after", "limit")
	if err != nil {
		return err
	}
	after, err := whole(q, "after", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := whole(q, "limit", DefaultLimit, 1, MaxLimit)
	if err != nil {
		return err
	}
	all, err := s.office.Projects(r.Context())
	if err != nil {
		return err
	}
	return paged(w, all, func(p *Project) int64 { return p.ID }, after, limit)
}

func (s *Server) createProject(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	kind := apikey.Prepaid
	if ask.Kind != "" {
		var err error
		if kind, err = apikey.ParseProjectKind(ask.Kind); err != nil {
			return fault.BadParam("kind", "%s.", sentence(err))
		}
	}
	p, err := s.office.CreateProject(r.Context(), ask.Name, kind)
	return result(w, http.StatusCreated, p, err)
}

func (s *Server) showProject(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	p, err := s.office.Project(r.Context(), r.PathValue("project"))
	return result(w, http.StatusOK, p, err)
}

func (s *Server) archiveProject(w http.ResponseWriter, r *http.Request) error {
	var ask struct{}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	p, err := s.office.Archive(r.Context(), r.PathValue("project"))
	return result(w, http.StatusOK, p, err)
}

func (s *Server) deposit(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Amount    int64  `json:"amount"`
		Reference string `json:"reference"`
		Note      string `json:"note"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	switch key := r.Header.Get("Idempotency-Key"); {
	case ask.Reference == "":
		ask.Reference = key
	case key != "" && key != ask.Reference:
		return fault.BadParam("reference", "The reference and the header Idempotency-Key differ: send one, or the same.")
	}
	if ask.Reference == "" {
		return fault.BadParam("reference", "A deposit needs a reference, or the header Idempotency-Key, such as the payment's number: sent again, it is not booked again.")
	}
	t, again, err := s.office.Deposit(r.Context(), r.PathValue("project"), ledger.Amount(ask.Amount), ask.Reference, ask.Note)
	status := http.StatusCreated
	if again {
		status = http.StatusOK
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return result(w, status, t, err)
}

func (s *Server) adjust(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Amount int64  `json:"amount"`
		Note   string `json:"note"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	t, err := s.office.Adjust(r.Context(), r.PathValue("project"), ledger.Amount(ask.Amount), ask.Note)
	return result(w, http.StatusCreated, t, err)
}

func (s *Server) refund(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Amount json.RawMessage `json:"amount"`
		Note   string          `json:"note"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	var amount ledger.Amount // all
	if ask.Amount != nil {   // null is no word for all: a caller's mistake must not give everything back
		var n int64
		if err := json.Unmarshal(ask.Amount, &n); err != nil || n <= 0 {
			return fault.BadParam("amount", "The amount is %.40s, want a whole number of micro-credits above 0; leave it out to refund all.", ask.Amount)
		}
		amount = ledger.Amount(n)
	}
	t, err := s.office.Refund(r.Context(), r.PathValue("request"), amount, ask.Note)
	return result(w, http.StatusCreated, t, err)
}

func (s *Server) statement(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "month", "format")
	if err != nil {
		return err
	}
	made, err := s.office.Statement(r.Context(), r.PathValue("project"), q.Get("month"))
	if err != nil {
		return err
	}
	switch q.Get("format") {
	case "", "json":
		return answer(w, http.StatusOK, StatementOf(made))
	case "html":
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		return written(w, "text/html; charset=utf-8", made, (*statement.Statement).HTML)
	case "text":
		return written(w, "text/plain; charset=utf-8", made, (*statement.Statement).Text)
	}
	return fault.BadParam("format", "format is %.20q, want json, html or text.", q.Get("format"))
}

func written(w http.ResponseWriter, kind string, s *statement.Statement, write func(*statement.Statement, io.Writer) error) error {
	var b bytes.Buffer
	if err := write(s, &b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Write(b.Bytes())
	return nil
}

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "project", "after", "limit")
	if err != nil {
		return err
	}
	after, err := whole(q, "after", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := whole(q, "limit", DefaultLimit, 1, MaxLimit)
	if err != nil {
		return err
	}
	all, err := s.office.Keys(r.Context(), q.Get("project"))
	if err != nil {
		return err
	}
	return paged(w, all, func(k *Key) int64 { return k.ID }, after, limit)
}

func (s *Server) createKey(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Project         string     `json:"project"`
		Name            string     `json:"name"`
		Tasks           []string   `json:"tasks"`
		PerMinute       int        `json:"per_minute"`
		TokensPerMinute int64      `json:"tokens_per_minute"`
		Concurrent      int        `json:"concurrent"`
		SpendLimit      int64      `json:"spend_limit"`
		Expires         *time.Time `json:"expires"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	request := KeyRequest{Project: ask.Project, Name: ask.Name, Tasks: ask.Tasks, PerMinute: ask.PerMinute, TokensPerMinute: ask.TokensPerMinute,
		Concurrent: ask.Concurrent, SpendLimit: ledger.Amount(ask.SpendLimit)}
	if ask.Expires != nil {
		request.Expires = *ask.Expires
	}
	k, err := s.office.CreateKey(r.Context(), request)
	return result(w, http.StatusCreated, k, err)
}

// keyNumber is the key that a path names.
func keyNumber(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("key"), 10, 64)
	if err != nil {
		e := fault.New(fault.NotFound, "key_not_found", "%.40q is not a key's number. The list of keys shows them.", r.PathValue("key"))
		e.Param = "key"
		return 0, e
	}
	return id, nil
}

func (s *Server) showKey(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	id, err := keyNumber(r)
	if err != nil {
		return err
	}
	k, err := s.office.Key(r.Context(), id)
	return result(w, http.StatusOK, k, err)
}

func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	id, err := keyNumber(r)
	if err != nil {
		return err
	}
	var ask struct{}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	k, err := s.office.RevokeKey(r.Context(), id)
	return result(w, http.StatusOK, k, err)
}

func (s *Server) rotateKey(w http.ResponseWriter, r *http.Request) error {
	id, err := keyNumber(r)
	if err != nil {
		return err
	}
	var ask struct {
		Grace int64 `json:"grace_seconds"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if most := int64(MaxGrace / time.Second); ask.Grace < 0 || ask.Grace > most {
		return fault.BadParam("grace_seconds", "grace_seconds is %d, want 0 to %d.", ask.Grace, most)
	}
	k, err := s.office.RotateKey(r.Context(), id, time.Duration(ask.Grace)*time.Second)
	return result(w, http.StatusCreated, k, err)
}

func (s *Server) usage(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "project", "key", "task", "from", "to", "by", "format")
	if err != nil {
		return err
	}
	ask := Query{Project: q.Get("project"), Task: q.Get("task"), From: q.Get("from"), To: q.Get("to"), By: q.Get("by")}
	if ask.Key, err = whole(q, "key", 0, 1, math.MaxInt64); err != nil {
		return err
	}
	report, err := s.office.Usage(r.Context(), ask)
	if err != nil {
		return err
	}
	switch q.Get("format") {
	case "", "json":
		return answer(w, http.StatusOK, report)
	case "csv":
		export(w, "usage.csv")
		return report.CSV(w)
	}
	return fault.BadParam("format", "format is %.20q, want json or csv.", q.Get("format"))
}

func export(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

func (s *Server) listReceipts(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "project", "key", "from", "to", "after", "limit", "format")
	if err != nil {
		return err
	}
	ask := Query{Project: q.Get("project"), From: q.Get("from"), To: q.Get("to")}
	if ask.Key, err = whole(q, "key", 0, 1, math.MaxInt64); err != nil {
		return err
	}
	limit, err := whole(q, "limit", DefaultLimit, 1, MaxLimit)
	if err != nil {
		return err
	}
	switch q.Get("format") {
	case "", "json":
		rows, next, err := s.office.Receipts(r.Context(), ask, q.Get("after"), int(limit))
		return result(w, http.StatusOK, list[Receipt]{"list", rows, next}, err)
	case "csv":
		if q.Has("after") || q.Has("limit") {
			return fault.BadParam("limit", "A CSV has all receipts: leave after and limit out.")
		}
		if _, err := s.office.receipts(r.Context(), ask); err != nil {
			return err
		}
		export(w, "receipts.csv")
		if err := s.office.ReceiptsCSV(r.Context(), ask, w); err != nil {
			return cutOff{err}
		}
		return nil
	}
	return fault.BadParam("format", "format is %.20q, want json or csv.", q.Get("format"))
}

func (s *Server) showReceipt(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	receipt, err := s.office.Receipt(r.Context(), r.PathValue("request"))
	return result(w, http.StatusOK, receipt, err)
}

func (s *Server) listTransactions(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "project", "kind", "from", "to", "after", "limit")
	if err != nil {
		return err
	}
	after, err := whole(q, "after", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := whole(q, "limit", DefaultLimit, 1, MaxLimit)
	if err != nil {
		return err
	}
	ask := Query{Project: q.Get("project"), Kinds: q.Get("kind"), From: q.Get("from"), To: q.Get("to")}
	rows, next, err := s.office.Transactions(r.Context(), ask, after, int(limit))
	return result(w, http.StatusOK, list[Transaction]{"list", rows, blank(next)}, err)
}

func (s *Server) listPrices(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "task")
	if err != nil {
		return err
	}
	prices, err := s.office.Prices(r.Context(), q.Get("task"))
	return result(w, http.StatusOK, list[Price]{Object: "list", Data: prices}, err)
}

func (s *Server) verify(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	v, err := s.office.Verify(r.Context())
	return result(w, http.StatusOK, v, err)
}
