package gateway

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

func TestMetricsOfRouting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		m := NewMetrics(registry)
		f := racing(t, func(c *Config) { c.Observer = m; c.Routing.RetryBurst = 1 },
			after(900*time.Millisecond, ok(3)), ok(3), // the second is first
			after(200*time.Millisecond, ok(3)), after(time.Second, ok(3)), // the first is
			failing(outcome.Failed, 0, badGateway))
		m.Watch(f.Gateway, registry)
		for range 12 {
			f.ServeHTTP(httptest.NewRecorder(), request(streamed))
		}
		w := httptest.NewRecorder()
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{
			`vision_gateway_hedges_total{first="second",task="talker-8b"} 1`,
			`vision_gateway_hedges_total{first="first",task="talker-8b"} 1`,
			`vision_gateway_retries_denied_total{task="talker-8b"} `,
			`vision_gateway_miners{breaker="open",task="talker-8b"} `,
			`vision_gateway_miners{breaker="closed",task="painter"} 4`,
			`vision_gateway_breaker{miner="` + f.relay.called()[len(f.relay.called())-1].Peer.Miner.String() + `",state="open",task="talker-8b"} 1`,
			`vision_gateway_breaker_trips_total{task="painter"} 0`,
			`vision_gateway_late_seconds{task="painter"} 0`,
			`vision_gateway_retries_left{task="painter"} 1`,
		} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("no %s in\n%s", want, w.Body)
			}
		}
	})
}
