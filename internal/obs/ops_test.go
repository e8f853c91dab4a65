package obs

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, o *Ops, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	o := NewOps("store", "gateway")
	if code, body := get(t, o, "/readyz"); code != http.StatusServiceUnavailable || body != "not ready: gateway, store\n" {
		t.Errorf("at start: %d %q", code, body)
	}
	o.Ready("store")
	o.Ready("gateway")
	if code, _ := get(t, o, "/readyz"); code != http.StatusOK {
		t.Errorf("started: %d, want 200", code)
	}
	o.Stopping()
	if code, body := get(t, o, "/readyz"); code != http.StatusServiceUnavailable || body != "stopping\n" {
		t.Errorf("stopping: %d %q", code, body)
	}
	if code, _ := get(t, o, "/healthz"); code != http.StatusOK {
		t.Errorf("alive while stopping: %d, want 200", code)
	}
}

func TestMetricsAreServed(t *testing.T) {
	if code, body := get(t, NewOps(), "/metrics"); code != http.StatusOK || !strings.Contains(body, "go_goroutines") {
		t.Errorf("%d, body without go_goroutines", code)
	}
}

func TestLoggerRefusesUnknownSettings(t *testing.T) {
	if _, err := NewLogger(&bytes.Buffer{}, "loud", "text"); err == nil || !strings.Contains(err.Error(), "want debug") {
		t.Errorf("level: %v", err)
	}
	if _, err := NewLogger(&bytes.Buffer{}, "info", "xml"); err == nil || !strings.Contains(err.Error(), "want text or json") {
		t.Errorf("format: %v", err)
	}
	var out bytes.Buffer
	log, err := NewLogger(&out, "warn", "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("heard")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"msg":"heard"`) {
		t.Errorf("wrote %q", got)
	}
}
