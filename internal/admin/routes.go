package admin

import (
	"encoding/json"
	"net/http"
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
