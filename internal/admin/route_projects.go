package admin

import (
	"bytes"
	"io"
	"net/http"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/statement"
)

func (s *Server) listProjects(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "after", "limit")
	if err != nil {
		return err
	}
	after, limit, err := pageAsked(q)
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
