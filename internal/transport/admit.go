package transport

import (
	"net/http"

	"vision/internal/hotkey"
)

// Admit asks admit about the caller of each request, and not only of each
// connection: a caller deregistered since its handshake gets 403 and a closed
// connection. Streams already running go on to their end.
func Admit(next http.Handler, admit func(hotkey.ID) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := Caller(r)
		if err == nil {
			err = admit(id)
		}
		if err != nil {
			w.Header().Set("Connection", "close")
			http.Error(w, ErrNotAdmitted.Error()+": "+err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
