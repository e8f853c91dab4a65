package devnet

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// relays owns no GPU: it passes requests on to a server elsewhere, which
// costs a detour each time.
var relays = cheat{
	name:  "relay",
	about: "has no GPU and passes requests on to a distant server",
	crooked: func(honest http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			detour := 300*time.Millisecond + rand.N(300*time.Millisecond)
			select {
			case <-time.After(detour):
				honest.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	},
}
