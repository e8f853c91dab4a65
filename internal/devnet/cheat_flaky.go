package devnet

import (
	"net/http"
	"sync/atomic"
)

// flaky fails: of any ten requests, two get an error and two break off.
var flaky = cheat{
	name:  "flaky",
	about: "answers four requests in ten with an error or half an answer",
	crooked: func(honest http.Handler) http.Handler {
		var n atomic.Uint64
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch n.Add(1) % 10 {
			case 2, 7:
				http.Error(w, `{"error":{"message":"out of memory"}}`, http.StatusInternalServerError)
			case 4, 9:
				honest.ServeHTTP(&breaking{ResponseWriter: w, left: 900}, r)
			default:
				honest.ServeHTTP(w, r)
			}
		})
	},
}

// breaking breaks the connection once an answer exceeds so many bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return b.ResponseWriter.Write(p)
}

func (b *breaking) Unwrap() http.ResponseWriter { return b.ResponseWriter }
