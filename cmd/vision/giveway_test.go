package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"vision/internal/config"
	"vision/internal/modelserver"
	"vision/internal/sibling"
)

// givingWay is a validator whose scorer and two gateways are processes, and a miner with one slot, in front of a model server that
// holds what the validator asks of its own: so a beacon is under way for as long as the test wants.
type givingWay struct {
	file     string // the validator's
	scorer   *process
	gateways [2]*process
	ops      [3]string // of the gateways, and of the scorer
	api      [2]string
	key      string
	came     chan *heldUp
	waits    chan context.Context // a customer's request that the model server holds until it is given up
}

// heldUp is a request that the model server holds.
type heldUp struct {
	asked context.Context // ends when the miner has given it up
	goOn  chan struct{}   // closed to have it answered
}

// Customers' texts.
const (
	fromCustomer = "A customer asks for the way."
	andWaits     = "A customer asks for the way. And waits." // until it is given up
)

// A customer's request through a gateway in a process of its own breaks off a beacon's for its slot, whichever gateway it is,
// and whichever process was started first, or killed and started again meanwhile.
func TestBeaconsGiveWayToOtherProcesses(t *testing.T) {
	t.Parallel()
	n := startGivingWay(t)
	for i := range n.gateways {
		n.givesWay(t, i)
	}
	n.scorerDies(t)
	n.givesWay(t, 0)
	n.gatewayDies(t)
	n.givesWay(t, 0)
	n.scorer.terminate(t)
	n.gateways[0].terminate(t)
}

func startGivingWay(t *testing.T) *givingWay {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	n := &givingWay{file: at("validator.yaml"), came: make(chan *heldUp, 1000), waits: make(chan context.Context, 1000)}
	vision(t, "init", "network", "--dir", folder, "--miners", "1")
	raw, err := os.ReadFile(at("catalogue.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("catalogue.yaml"), patientCatalogue(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	catalogue, err := config.LoadCatalogue(at("catalogue.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	models := httptest.NewServer(n.holds(modelserver.New(modelserver.For(catalogue, 1000))))
	t.Cleanup(models.Close)
	address := freePort(t)
	edit(t, at("network.yaml"), "address: 127.0.0.1:8091\n", "address: "+address+"\n", "netuid: 19\n", "netuid: 19\nblock_time: 500ms\n")
	edit(t, at("miner-1.yaml"), "listen: :8091\n", "listen: "+address+"\n", "announce: 127.0.0.1:8091\n", "announce: "+address+"\n",
		"ops: 127.0.0.1:9101\n", "ops: \"\"\n", "http://127.0.0.1:8000", models.URL)
	one, err := os.ReadFile(at("miner-1.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// One task with one slot.
	one = regexp.MustCompile(`(?s)\ntasks:\n.*`).ReplaceAll(one, []byte("\ntasks:\n  - task: vision-ref-completion\n    server: main\n    units: 60000\n    slots: 1\n"))
	if err := os.WriteFile(at("miner-1.yaml"), one, 0o600); err != nil {
		t.Fatal(err)
	}
	edit(t, n.file, "listen: 127.0.0.1:8080", "listen: 127.0.0.1:0", "period: 1m0s", "period: 6s")
	start(t, "the miner", "miner", "--config", at("miner-1.yaml")).says(t, "miner is ready", 0)
	for i := range n.ops {
		n.ops[i] = freePort(t)
	}
	n.gateways[0] = n.startGateway(t, 0) // before there is a scorer
	n.scorer = n.startScorer(t)
	n.gateways[1] = n.startGateway(t, 1)
	var key struct{ Key string }
	if err := json.Unmarshal([]byte(vision(t, "key", "create", "--config", n.file, "--name", "test", "--json")), &key); err != nil {
		t.Fatal(err)
	}
	n.key = key.Key
	n.linked(t, 2)
	return n
}

func (n *givingWay) startScorer(t *testing.T) *process {
	p := start(t, "the scorer", "validator", "--config", n.file, "--roles", "scorer,checker", "--ops", n.ops[2])
	p.says(t, "validator is ready", 0)
	return p
}

func (n *givingWay) startGateway(t *testing.T, i int) *process {
	p := start(t, "gateway "+strconv.Itoa(i), "validator", "--config", n.file, "--roles", "gateway", "--ops", n.ops[i])
	line, _ := p.says(t, "validator is ready", 0)
	n.api[i] = "http://" + value(line, "api") + "/v1"
	return p
}

// holds stands before a model server.
func (n *givingWay) holds(server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(andWaits)) {
			n.waits <- r.Context()
			<-r.Context().Done()
			return
		}
		if r.Method == http.MethodPost && !bytes.Contains(body, []byte(fromCustomer)) {
			h := &heldUp{r.Context(), make(chan struct{})}
			n.came <- h
			select {
			case <-h.goOn:
			case <-h.asked.Done():
				return
			}
		}
		server.ServeHTTP(w, r)
	})
}

// metric is a number of a process; 0 if it has none.
func (n *givingWay) metric(t *testing.T, ops, name string) int {
	t.Helper()
	_, body := get(t, "http://"+ops+"/metrics")
	_, after, _ := strings.Cut(body, "\n"+name+" ")
	text, _, _ := strings.Cut(after, "\n")
	v, _ := strconv.ParseFloat(text, 64)
	return int(v)
}

const (
	sentAtBeacons = `vision_scorer_beacon_requests_total{fate="sent"}`
	brokenOff     = `vision_scorer_beacon_requests_total{fate="preempted"}`
)

// linked waits until the scorer hears of so many gateways' customers.
func (n *givingWay) linked(t *testing.T, gateways int) {
	t.Helper()
	until(t, "the scorer hears "+strconv.Itoa(gateways)+" gateways", func() bool {
		return n.metric(t, n.ops[2], "vision_scorer_gateways") == gateways
	})
}

// beacon waits until a beacon asks, and answers what else comes meanwhile.
func (n *givingWay) beacon(t *testing.T) *heldUp {
	t.Helper()
	over := time.After(patience)
	sent := n.metric(t, n.ops[2], sentAtBeacons)
	for {
		select {
		case h := <-n.came:
			if n.metric(t, n.ops[2], sentAtBeacons) > sent && h.asked.Err() == nil {
				return h
			}
			close(h.goOn)
		case <-over:
			t.Fatalf("no beacon asked within %v", patience)
		}
	}
}

// customer asks through a gateway, and gives the status of the answer when all of it has come.
func (n *givingWay) customer(t *testing.T, gateway int, text string) (status chan int) {
	status = make(chan int, 1)
	body := `{"model":"vision-ref-completion","stream":true,"max_tokens":5,"temperature":1,"prompt":"` + text + `"}`
	r, err := http.NewRequestWithContext(t.Context(), "POST", n.api[gateway]+"/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.key)
	go func() {
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			status <- 0
			return
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			status <- 0
			return
		}
		status <- answer.StatusCode
	}()
	return status
}

// givesWay has customers ask while beacons do, until a beacon's request was broken off for one.
func (n *givingWay) givesWay(t *testing.T, gateway int) {
	t.Helper()
	for try := 1; ; try++ {
		h := n.beacon(t)
		before := n.metric(t, n.ops[2], brokenOff)
		status := n.customer(t, gateway, fromCustomer)
		select {
		case <-h.asked.Done():
			until(t, "the scorer says that a beacon's request was broken off", func() bool { return n.metric(t, n.ops[2], brokenOff) > before })
			t.Logf("gateway %d: a beacon's request was broken off at try %d, and the customer's answered with %d", gateway, try, <-status)
			return
		case code := <-status: // the gateway did not know of the miner yet, or it was no beacon's after all
			t.Logf("gateway %d: try %d: %d", gateway, try, code)
			close(h.goOn)
		}
	}
}

// scorerDies has the scorer killed while a beacon asks: gateways go on, and link to the next, though the first has left its socket behind.
func (n *givingWay) scorerDies(t *testing.T) {
	h := n.beacon(t)
	n.scorer.Process.Kill()
	<-n.scorer.ended
	<-h.asked.Done() // nobody waits for it any more
	for i := range n.gateways {
		until(t, "a gateway notices that the scorer is gone", func() bool { return n.metric(t, n.ops[i], "vision_gateway_linked") == 0 })
		until(t, "a customer is served without a scorer", func() bool { return <-n.customer(t, i, fromCustomer) == 200 })
	}
	data := filepath.Join(filepath.Dir(n.file), "data")
	if _, err := os.Stat(sibling.Path(data)); err != nil {
		t.Errorf("a scorer that was killed has left no socket: %v", err)
	}
	n.scorer = n.startScorer(t)
	n.linked(t, 2)
}

// gatewayDies has a gateway killed while it has a customer's request under way: beacons find the slot free.
func (n *givingWay) gatewayDies(t *testing.T) {
	status := n.customer(t, 1, andWaits)
	for waiting := context.Context(nil); waiting == nil; {
		select {
		case waiting = <-n.waits:
		case h := <-n.came:
			close(h.goOn)
		case <-status: // the slot was taken
			status = n.customer(t, 1, andWaits)
		}
	}
	n.gateways[1].Process.Kill()
	<-n.gateways[1].ended
	n.linked(t, 1)
	close(n.beacon(t).goOn)
}
