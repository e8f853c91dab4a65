package gateway

import "net/http"

// Pages are what is served beside the API, without a key, to whoever asks with
// GET or HEAD for a path that Has knows. No such path may be the API's.
type Pages interface {
	Has(path string) bool
	http.Handler
}

// pagesPath stands for all their paths in logs and metrics.
const pagesPath = "page"

// pagesPart is which part of all requests under way may be for pages, one in so many: strangers who read a page slowly
// leave room for customers.
const pagesPart = 4

// page serves a path of Pages.
func (x *exchange) page() error {
	x.event.Path = pagesPath
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return x.wrongMethod("GET, HEAD")
	}
	defer x.g.pages.Add(-1)
	if x.g.pages.Add(1) > int64(max(x.g.Limits.Requests/pagesPart, 1)) {
		return unavailable(false)
	}
	x.extend()
	x.g.Pages.ServeHTTP(pageWriter{x}, x.r)
	return nil
}

// pageWriter takes note of what a page's handler writes.
type pageWriter struct{ x *exchange }

func (p pageWriter) Header() http.Header { return p.x.w.Header() }

func (p pageWriter) WriteHeader(status int) {
	p.x.begun, p.x.event.Status = true, status
	p.x.w.WriteHeader(status)
}

func (p pageWriter) Write(b []byte) (int, error) {
	if !p.x.begun {
		p.WriteHeader(http.StatusOK)
	}
	if err := p.x.write(b, false); err != nil {
		return 0, err
	}
	return len(b), nil
}
