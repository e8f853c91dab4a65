package admin

import (
	"net/http"
	"strconv"
	"time"

	"vision/internal/fault"
	"vision/internal/ledger"
)

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "project", "after", "limit")
	if err != nil {
		return err
	}
	after, limit, err := pageAsked(q)
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
