package gateway

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vision/internal/outcome"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	f := newFixture(t, func(c *Config) { c.Observer = m }, failing(outcome.Failed, 0, badGateway), ok(5))
	m.Watch(f.Gateway, registry)
	f.ServeHTTP(httptest.NewRecorder(), request(streamed))
	f.ServeHTTP(httptest.NewRecorder(), request(`{"model":"a-stranger's-text"}`))
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/a-stranger's-path", nil))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`vision_gateway_requests_total{path="/v1/chat/completions",status="200",task="talker-8b"} 1`,
		`vision_gateway_requests_total{path="/v1/chat/completions",status="404",task=""} 1`,
		`vision_gateway_requests_total{path="",status="404",task=""} 1`,
		`vision_gateway_attempts_total{status="failed",task="talker-8b"} 1`,
		`vision_gateway_attempts_total{status="ok",task="talker-8b"} 1`,
		`vision_gateway_units_total{task="talker-8b"} 5`,
		`vision_gateway_prompt_tokens_total{task="talker-8b"} 3`,
		`vision_gateway_request_seconds_count{task="talker-8b"} 1`,
		`vision_gateway_first_output_seconds_count{task="talker-8b"} 1`,
		`vision_gateway_requests_active 0`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "stranger") {
		t.Error("a label holds what a stranger wrote")
	}
}
