package devnet

import (
	"maps"
	"net/http"
	"net/http/httptest"
)

// buffered holds answers back until they are whole: to batch work as it likes,
// or because it has them from elsewhere.
var buffered = cheat{
	name:  "buffered",
	about: "holds streams back until they are whole and sends them in one burst",
	crooked: func(honest http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			whole := httptest.NewRecorder()
			honest.ServeHTTP(whole, r)
			maps.Copy(w.Header(), whole.Header())
			w.WriteHeader(whole.Code)
			_, _ = w.Write(whole.Body.Bytes())
		})
	},
}
