package gateway

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// fakePages has a page at /page and panics at /broken.
type fakePages struct{}

func (fakePages) Has(path string) bool { return path == "/page" || path == "/broken" }

func (fakePages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/broken" {
		panic("a bug")
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Write([]byte("hello from " + r.URL.Path))
}

func TestPagesAreServedWithoutAKeyBesideTheAPI(t *testing.T) {
	f := serve(t, func(c *Config) { c.Pages = fakePages{} }, ok(3))
	r := f.do(t, "GET", "/page?x=1", "", "Authorization", "")
	if r.status != 200 || r.body != "hello from /page" || r.header.Get("X-Request-Id") == "" {
		t.Errorf("the page: %d %q %v", r.status, r.body, r.header)
	}
	if r := f.do(t, "HEAD", "/page", ""); r.status != 200 || r.body != "" {
		t.Errorf("HEAD: %d %q", r.status, r.body)
	}
	if r := f.do(t, "POST", "/page", "{}"); r.status != 405 || r.header.Get("Allow") != "GET, HEAD" || r.failure(t).Code != "method_not_allowed" {
		t.Errorf("POST: %d %v %s", r.status, r.header, r.body)
	}
	if r := f.do(t, "GET", "/else", ""); r.status != 404 || r.failure(t).Code != "unknown_url" {
		t.Errorf("another path: %d %s", r.status, r.body)
	}
	if r := f.do(t, "GET", "/broken", ""); r.status != 500 || r.failure(t).Code != "internal_error" {
		t.Errorf("a bug: %d %s", r.status, r.body)
	}
	if r := f.do(t, "GET", "/v1/models", "", "Authorization", ""); r.status != 401 {
		t.Errorf("the API without a key: %d", r.status)
	}
	if r := f.do(t, "POST", chatPath, chatBody); r.status != 200 {
		t.Errorf("the API: %d %s", r.status, r.body)
	}
	if !strings.Contains(f.log.String(), "path=page") || strings.Contains(f.log.String(), "path=/page") {
		t.Errorf("the log has a path from outside, or not the page's name:\n%s", f.log)
	}
}

// heldPages has a page that takes as long as its visitors like.
type heldPages struct{ visited, leave chan struct{} }

func (heldPages) Has(path string) bool { return path == "/page" }

func (p heldPages) ServeHTTP(http.ResponseWriter, *http.Request) {
	p.visited <- struct{}{}
	<-p.leave
}

// Visitors without a key who never let go of a page keep no customer out.
func TestVisitorsLeaveRoomForCustomers(t *testing.T) {
	p := heldPages{make(chan struct{}), make(chan struct{})}
	f := serve(t, func(c *Config) { c.Pages, c.Limits.Requests = p, 8 }, ok(3))
	var visitors sync.WaitGroup
	for range 2 {
		visitors.Go(func() { f.do(t, "GET", "/page", "", "Authorization", "") })
		<-p.visited
	}
	for range 2 {
		if r := f.do(t, "GET", "/page", "", "Authorization", ""); r.status != 503 || r.failure(t).Code != "overloaded" || r.header.Get("Retry-After") == "" {
			t.Errorf("a third visitor: %d %s", r.status, r.body)
		}
	}
	if r := f.do(t, "POST", chatPath, chatBody); r.status != 200 {
		t.Errorf("a customer: %d %s", r.status, r.body)
	}
	close(p.leave)
	visitors.Wait()
	visitors.Go(func() { <-p.visited })
	if r := f.do(t, "GET", "/page", "", "Authorization", ""); r.status != 200 {
		t.Errorf("when they have left: %d %s", r.status, r.body)
	}
	visitors.Wait()
}

func TestWithoutPagesThereIsOnlyTheAPI(t *testing.T) {
	f := serve(t, nil, ok(3))
	if r := f.do(t, "GET", "/", ""); r.status != 404 || r.failure(t).Code != "unknown_url" {
		t.Errorf("/: %d %s", r.status, r.body)
	}
}
