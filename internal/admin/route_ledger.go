package admin

import (
	"encoding/json"
	"math"
	"net/http"

	"vision/internal/fault"
	"vision/internal/ledger"
)

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
	after, limit, err := pageAsked(q)
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
