package gateway

import (
	"net/http"
	"strings"
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

func TestWithoutPagesThereIsOnlyTheAPI(t *testing.T) {
	f := serve(t, nil, ok(3))
	if r := f.do(t, "GET", "/", ""); r.status != 404 || r.failure(t).Code != "unknown_url" {
		t.Errorf("/: %d %s", r.status, r.body)
	}
}
