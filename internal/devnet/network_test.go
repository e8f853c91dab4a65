package devnet

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
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
	n.Client = openai.NewClient(option.WithBaseURL(n.URL()), option.WithAPIKey(n.Key()), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: n.http}))
	return n
}

// stop ends the network as Ctrl-C does.
func (n *running) stop(t *testing.T) {
	t.Helper()
	n.http.CloseIdleConnections()
	begun := time.Now()
	n.cancel()
	if err := <-n.ended; err != nil {
		t.Errorf("the network ended with %v", err)
	}
	within := 5 * time.Second
	if racing { // the detector makes it ten times as slow
		within = time.Minute
	}
	if took := time.Since(begun); took > within {
		t.Errorf("stopping took %v, want at most %v", took, within)
	}
}

// until waits for something that comes by itself, and fails the test if it
// does not within a time.
func until(t *testing.T, within time.Duration, what string, done func() bool) {
	t.Helper()
	if racing {
		within *= 4
	}
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
	if racing {
		text = regexp.MustCompile(`first: \d+s, gap: \d+s, total: \d+s`).ReplaceAllString(text, "first: 60s, gap: 60s, total: 180s")
	}
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
	options := Options{Data: data, Period: period, Mechanism: "vision4", Miners: 3, Cheats: []string{"quantised", "overdeclare"}, Listen: "127.0.0.1:0"}
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
		options.Listen = address // it must be free again
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
		until(t, 30*time.Second, "periods go on", func() bool { return again.report(t).Scored > before.Scored })
	})
	again.stop(t)
}
