package dashboard

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vision/internal/dispatch"
	"vision/internal/task"
)

func catalogue(t testing.TB) *task.Catalogue {
	t.Helper()
	c, err := task.NewCatalogue([]task.Task{{
		Name: "talker-8b", Kind: "chat", Weight: 1, Capacity: 1e9, Typical: 10,
		Timeouts: task.Timeouts{First: time.Second, Gap: time.Second, Total: 5 * time.Second},
		Speed:    task.Speed{Overhead: 0.1, Mean: 0.01, Steepness: 1},
		Model:    task.Model{Name: "secret-upstream-name", Context: 4096},
		Limits:   task.Limits{Output: 256},
		Price:    task.Price{Prompt: 50, Output: 100},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func made(t testing.TB, change func(*Config)) *Dashboard {
	t.Helper()
	all := catalogue(t)
	c := Config{
		Catalogue: func() *task.Catalogue { return all },
		Supply: func(string, time.Time) dispatch.Supply {
			return dispatch.Supply{Miners: 3, Ready: 2, Slots: 8, Capacity: 1000, Left: 250, Pace: 0.01}
		},
	}
	if change != nil {
		change(&c)
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ask(d *Dashboard, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result()
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// linked are the paths that a page or a script asks for.
var linked = regexp.MustCompile(`(?:src|href)="([^"#]+)"|from '(\./[^']+)'`)

func TestThePageFindsAllItAsksForAndNothingElsewhere(t *testing.T) {
	d := made(t, nil)
	seen := map[string]bool{"/": true}
	queue := []string{"/"}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if !d.Has(at) {
			t.Errorf("there is nothing at %s, which is linked", at)
			continue
		}
		r := ask(d, "GET", at)
		for _, m := range linked.FindAllStringSubmatch(text(t, r), -1) {
			to := m[1] + m[2]
			if strings.Contains(to, "://") && at != "/" {
				continue // a snippet's
			}
			if strings.Contains(to, "://") || strings.HasPrefix(to, "/") {
				t.Errorf("%s asks for %s, which a proxy's prefix or the policy would break", at, to)
				continue
			}
			to = at[:strings.LastIndexByte(at, '/')+1] + strings.TrimPrefix(to, "./")
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	for path := range d.files {
		if !seen[path] {
			t.Errorf("nothing links to %s", path)
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d files were found: %v", len(seen), seen)
	}
}

func TestHeadersKeepStrangersOut(t *testing.T) {
	d := made(t, nil)
	page := text(t, ask(d, "GET", "/"))
	for _, bad := range []string{"<script>", "style=", "onclick", "onload", "javascript:", "http://", "//cdn"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q, which its policy forbids", bad)
		}
	}
	for _, path := range []string{"/", StatusPath, DocumentPath, strings.TrimSuffix(ofType(t, d, ".js"), "")} {
		h := ask(d, "GET", path).Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "data:") {
			t.Errorf("%s: the policy %q is lax", path, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
}

func ofType(t testing.TB, d *Dashboard, end string) string {
	t.Helper()
	for path := range d.files {
		if strings.HasSuffix(path, end) {
			return path
		}
	}
	t.Fatalf("there is no %s", end)
	return ""
}

func TestWhatDidNotChangeIsNotSentAgain(t *testing.T) {
	d := made(t, nil)
	for _, path := range []string{"/", StatusPath, DocumentPath, ofType(t, d, ".css")} {
		for _, encoding := range []string{"", "gzip"} {
			first := ask(d, "GET", path, "Accept-Encoding", encoding)
			tag := first.Header.Get("ETag")
			if tag == "" || first.StatusCode != 200 || text(t, first) == "" {
				t.Fatalf("%s: status %d, ETag %q", path, first.StatusCode, tag)
			}
			again := ask(d, "GET", path, "If-None-Match", `"other", W/`+tag, "Accept-Encoding", encoding)
			if again.StatusCode != 304 || text(t, again) != "" || again.Header.Get("ETag") == "" {
				t.Errorf("%s (%q): status %d for what is known", path, encoding, again.StatusCode)
			}
			if r := ask(d, "GET", path, "If-None-Match", `"other"`); r.StatusCode != 200 {
				t.Errorf("%s: status %d for what is not known", path, r.StatusCode)
			}
		}
	}
	if keep := ask(d, "GET", ofType(t, d, ".js")).Header.Get("Cache-Control"); !strings.Contains(keep, "immutable") {
		t.Errorf("scripts: Cache-Control is %q", keep)
	}
	if keep := ask(d, "GET", "/").Header.Get("Cache-Control"); keep != "no-cache" {
		t.Errorf("the page: Cache-Control is %q", keep)
	}
}

func TestGzipIsForThoseWhoTakeIt(t *testing.T) {
	d := made(t, nil)
	plain := text(t, ask(d, "GET", "/"))
	for accept, want := range map[string]bool{
		"": false, "identity": false, "br": false, "gzip;q=0": false, "gzip; q=0.0": false, "br, gzip;q=0, *;q=0": false,
		"gzip": true, "br, GZIP;q=0.5": true, "*": true, "deflate, gzip": true, "gzip;q=x": false,
	} {
		r := ask(d, "GET", "/", "Accept-Encoding", accept)
		body := text(t, r)
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: gzip is %v", accept, got)
		} else if want {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(unpacked)
		}
		if body != plain || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: the body or Vary %q is wrong", accept, r.Header.Get("Vary"))
		}
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	d := made(t, nil)
	get, head := ask(d, "GET", "/"), ask(d, "HEAD", "/")
	if body := text(t, head); body != "" {
		t.Errorf("HEAD has a body of %d bytes", len(body))
	}
	for _, name := range []string{"Content-Length", "Content-Type", "ETag"} {
		if g, h := get.Header.Get(name), head.Header.Get(name); g != h || g == "" {
			t.Errorf("%s: GET says %q, HEAD %q", name, g, h)
		}
	}
	if n := fmt.Sprint(len(text(t, get))); n != get.Header.Get("Content-Length") {
		t.Errorf("the body has %s bytes", n)
	}
}

func TestOnlyKnownPathsAreTheirs(t *testing.T) {
	d := made(t, nil)
	for _, path := range []string{"", "/index.html", "/v1/models", "/assets/", "/assets/000000000000/app.js", "/web/app.js", "/../doc.go"} {
		if d.Has(path) {
			t.Errorf("Has(%q)", path)
		}
	}
}

// allowed are the members of the offer, all of them, in any depth.
var allowed = []string{"name", "at", "models", "id", "kind", "path", "unit", "context_length", "price", "prompt", "output", "limits", "steps", "images",
	"items", "sizes", "live", "miners", "available", "units_free", "units_total", "first_output_seconds", "units_per_second"}

func TestTheOfferSaysWhatIsPublishedAndNoMore(t *testing.T) {
	var o map[string]any
	body := text(t, ask(made(t, func(c *Config) { c.Name = "Lakeside" }), "GET", StatusPath))
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	for _, name := range names(o) {
		if !slices.Contains(allowed, name) {
			t.Errorf("the offer tells strangers %q", name)
		}
	}
	if strings.Contains(body, "secret-upstream-name") || o["name"] != "Lakeside" {
		t.Errorf("the offer: %s", body)
	}
	m := o["models"].([]any)[0].(map[string]any)
	live := m["live"].(map[string]any)
	if m["id"] != "talker-8b" || m["path"] != "/v1/chat/completions" || live["units_free"] != 250.0 || live["available"] != 2.0 ||
		live["units_per_second"] != 100.0 || live["first_output_seconds"] != nil {
		t.Errorf("the model: %v", m)
	}
	if quiet := text(t, ask(made(t, func(c *Config) { c.Quiet = true }), "GET", StatusPath)); strings.Contains(quiet, "live") || !strings.Contains(quiet, "talker-8b") {
		t.Errorf("what is not to be published: %s", quiet)
	}
}

func names(v any) (all []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			all = append(append(all, name), names(inner)...)
		}
	case []any:
		for _, inner := range v {
			all = append(all, names(inner)...)
		}
	}
	return all
}

func TestTheOfferIsMadeOnceASecond(t *testing.T) {
	now := time.Unix(1e9, 0)
	asked := 0
	d := made(t, func(c *Config) {
		c.Now = func() time.Time { return now }
		c.Supply = func(string, time.Time) dispatch.Supply { asked++; return dispatch.Supply{} }
	})
	for range 100 {
		ask(d, "GET", StatusPath)
	}
	if asked != 1 {
		t.Errorf("a hundred visitors in a second: %d offers", asked)
	}
	now = now.Add(time.Second)
	ask(d, "GET", StatusPath)
	if asked != 2 {
		t.Errorf("a second later: %d offers", asked)
	}
}

func TestTheOperatorsTextsAreTexts(t *testing.T) {
	page := text(t, ask(made(t, func(c *Config) {
		c.Name, c.Notice = "<b>A&B</b>", "First <script>alert(1)</script>\r\n\r\n\r\n\nSecond\nline"
	}), "GET", "/"))
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "<b>A") || !strings.Contains(page, "&lt;b&gt;A&amp;B") {
		t.Error("the operator's text is markup")
	}
	if n := strings.Count(page, `<p class="notice">`); n != 3 { // two paragraphs and the one for those without JavaScript
		t.Errorf("%d notices", n)
	}
	for _, c := range []Config{{}, {Name: strings.Repeat("é", MostName+1)}, {Notice: strings.Repeat("x", MostNotice+1)}} {
		if c.Name+c.Notice != "" {
			full := Config{Catalogue: func() *task.Catalogue { return nil }, Supply: func(string, time.Time) dispatch.Supply { return dispatch.Supply{} }}
			full.Name, full.Notice = c.Name, c.Notice
			c = full
		}
		if _, err := New(c); err == nil {
			t.Errorf("New takes %d characters of name, %d of notice, Catalogue %v", len(c.Name), len(c.Notice), c.Catalogue != nil)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	d := made(b, nil)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		w.Body = bytes.NewBuffer(nil)
		d.ServeHTTP(w, r)
	}
}
