package devnet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"go.uber.org/goleak"

	"vision/internal/config"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/scorer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a devnet that runs until stop.
type running struct {
	*Devnet
	openai.Client
	http   *http.Transport
	cancel context.CancelFunc
	ended  chan error
	log    *logBuffer
}

// logBuffer keeps what is logged, for a test that fails.
type logBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) tail(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.Failed() {
		lines := strings.SplitAfter(b.buf.String(), "\n")
		t.Logf("the end of the log:\n%s", strings.Join(lines[max(0, len(lines)-40):], ""))
	}
}

// begin starts a network and waits until customers can be served.
func begin(t *testing.T, o Options) *running {
	t.Helper()
	n := &running{ended: make(chan error, 1), log: &logBuffer{}, http: &http.Transport{}}
	o.serving, o.patience = endlessly, patience
	o.Log = slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	var err error
	if n.Devnet, err = New(ctx, o); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() { n.ended <- n.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-n.ended:
		t.Fatalf("the network ended before it was up: %v", err)
	}
	until(t, "the gateway knows whom to ask", n.validator.CanServe) // Run does not wait for ever
	n.Client = openai.NewClient(option.WithBaseURL(n.URL()), option.WithAPIKey(n.Key()), option.WithMaxRetries(0),
		option.WithMiddleware(patient), option.WithHTTPClient(&http.Client{Transport: n.http}))
	return n
}

// patient asks again when it is told that all miners are busy, as it is told to:
// a period's probes may have taken all slots at this moment, or the last one's
// failures those of miners that are set aside. Nothing else is asked twice.
func patient(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	for {
		answer, err := next(r)
		if err != nil || answer.StatusCode != http.StatusServiceUnavailable || r.Body != nil && r.GetBody == nil {
			return answer, err
		}
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err != nil {
			return answer, nil
		}
		answer.Body.Close()
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		if r.Body != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// endless is what to ask for to get a stream that does not end while somebody
// listens.
const endless = "Tell me about a river that never ends."

// endlessly stands before all model servers.
func endlessly(server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(endless)) {
			w = &unending{w, r.Context(), 0}
		}
		server.ServeHTTP(w, r)
	})
}

// unending is an answer of a few writes.
type unending struct {
	http.ResponseWriter
	asked context.Context
	wrote int
}

func (w *unending) Write(p []byte) (int, error) {
	if w.wrote++; w.wrote == 5 {
		<-w.asked.Done()
	}
	return w.ResponseWriter.Write(p)
}

func (w *unending) Flush() { w.ResponseWriter.(http.Flusher).Flush() }

// stop ends the network as Ctrl-C does.
func (n *running) stop(t *testing.T) {
	t.Helper()
	n.http.CloseIdleConnections()
	n.cancel()
	if err := <-n.ended; err != nil {
		t.Errorf("the network ended with %v", err)
	}
}

// patience is how long a test waits for what is sure to come, however slow the
// machine, before it calls that lost.
const patience = 4 * time.Minute * slowness

// until waits for something that comes by itself.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	untilWithin(t, patience, what, done)
}

// untilWithin is until for what may take longer.
func untilWithin(t *testing.T, within time.Duration, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	over := time.After(within)
	for !done() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("waited %v in vain: %s", within, what)
		}
	}
}

// freeAddress is on loopback, and nobody listens at it. Its port is below those
// that systems give to whoever asks for any, so that nobody takes it while a
// network that listened at it starts again.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+rand.N(10000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// catalogue writes the devnet's catalogue with smaller typical requests:
// short periods have more probes so, and chance has less to say. Under the race
// detector, which makes the models ten times as slow, there are fewer instead.
func catalogue(t *testing.T, data string) {
	t.Helper()
	typical := map[string]int64{"chat": 20, "completion": 20, "text-to-image": 8, "embedding": 1}
	if racing {
		typical = map[string]int64{"chat": 2000, "completion": 2000, "text-to-image": 400, "embedding": 100}
	}
	catalogueOf(t, data, typical)
}

// timeouts are longer in tests: a machine that is slow now and then is not what they are about.
var timeouts = regexp.MustCompile(`first: \d+s, gap: \d+s, total: \d+s`)

// catalogueOf writes the devnet's tasks of some kinds, with what is typical of each.
func catalogueOf(t *testing.T, data string, typical map[string]int64) {
	t.Helper()
	all := string(config.DevnetCatalogue())
	if typical["image-to-image"] == 0 { // no pictures among what is embedded either: they take long to make up
		all = strings.Replace(all, "context: 2048, images: true", "context: 2048", 1)
	}
	head, tasks, _ := strings.Cut(all, "  - name:")
	text := head
	for entry := range strings.SplitSeq(tasks, "  - name:") {
		_, rest, _ := strings.Cut(entry, "    kind: ")
		if k, _, _ := strings.Cut(rest, "\n"); typical[k] > 0 {
			text += "  - name:" + entry
		}
	}
	text = timeouts.ReplaceAllString(text, "first: 60s, gap: 60s, total: 180s")
	kind := ""
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if _, k, ok := strings.Cut(line, "    kind: "); ok {
			kind = strings.TrimSpace(k)
		}
		if strings.HasPrefix(line, "    typical: ") {
			lines[i] = fmt.Sprintf("    typical: %d\n", typical[kind])
			delete(typical, kind)
		}
	}
	if len(typical) > 0 {
		t.Fatalf("the devnet's catalogue lacks %v", typical)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(CatalogueFile(data), []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// outcomes lists what is kept of a request.
func (n *running) outcomes(t *testing.T, id string) []outcome.Outcome {
	t.Helper()
	var found []outcome.Outcome
	after := int64(0)
	for {
		page, err := n.Store().OutcomesAfter(t.Context(), after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page {
			if o.Request == id {
				found = append(found, o.Outcome)
			}
			after = o.Seq
		}
		if len(page) < 1000 {
			return found
		}
	}
}

func (n *running) report(t *testing.T) scorer.Report {
	t.Helper()
	r, err := scorer.Compose(t.Context(), n.Store(), n.Catalogue(), scorer.ReportOptions{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestNetwork runs one network and uses it as customers, a newcomer and its
// operator would: requests of every kind, two periods and their scores, a
// stop, and a second start on the same data.
func TestNetwork(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	catalogue(t, data)
	period := 5 * time.Second
	if racing { // all is slower
		period = 8 * time.Second
	}
	options := Options{Data: data, Period: period, Mechanism: "vision4", Miners: 3, Cheats: []string{"quantised", "overdeclare"}, Listen: freeAddress(t)}
	others := goleak.IgnoreCurrent()
	n := begin(t, options)
	defer func() { n.cancel(); n.log.tail(t) }()

	t.Run("customers", func(t *testing.T) { customers(t, n) })
	t.Run("scores", func(t *testing.T) { cheatsLose(t, n) })
	t.Run("weights", func(t *testing.T) { weightsArePaid(t, n) })
	t.Run("conviction", func(t *testing.T) { cheatIsConvicted(t, n) })

	before := n.report(t)
	ids, key, url := n.Names(), n.Key(), n.URL()
	n.stop(t)
	t.Run("stopped", func(t *testing.T) {
		address := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/v1")
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Error("the port is still served")
		}
		if err := goleak.Find(others); err != nil {
			t.Error(err)
		}
	})

	again := begin(t, options)
	defer func() { again.cancel(); again.log.tail(t) }()
	t.Run("started again", func(t *testing.T) {
		if again.Key() != key || again.URL() != url {
			t.Errorf("the key %q or the address %q changed", again.Key(), again.URL())
		}
		if got := again.Names(); fmt.Sprint(got) != fmt.Sprint(ids) {
			t.Errorf("hotkeys changed: %v, before %v", got, ids)
		}
		if _, err := again.Chat.Completions.New(t.Context(), ask("Tell me about rivers.")); err != nil {
			t.Errorf("the old key does not work: %v", err)
		}
		r := again.report(t)
		if r.Scored < before.Scored || len(r.Miners) != len(before.Miners) {
			t.Errorf("scored period %d with %d miners; before the restart %d with %d", r.Scored, len(r.Miners), before.Scored, len(before.Miners))
		}
		if got := standing(r, again.Names(), "quantised", "vision-ref-chat"); got != judgement.Convicted {
			t.Errorf("who was convicted before the restart is %v", got)
		}
		until(t, "periods go on", func() bool { return again.report(t).Scored > before.Scored })
	})
	again.stop(t)
}
