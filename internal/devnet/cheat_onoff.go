package devnet

import (
	"net/http"
	"time"
)

// onOff is there one period in three, and sleeps in the others, declaring all
// the time.
var onOff = cheat{
	name:  "on-off",
	about: "serves one period in three and refuses everything in the others",
	timed: func(honest http.Handler, period time.Duration) http.Handler {
		begun := time.Now()
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if int(time.Since(begun)/period)%3 != 0 {
				w.Header().Set("Retry-After", "1")
				http.Error(w, `{"error":{"message":"busy","code":"rate_limit_exceeded"}}`, http.StatusTooManyRequests)
				return
			}
			honest.ServeHTTP(w, r)
		})
	},
}
