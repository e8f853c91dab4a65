package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vision/internal/config"
	"vision/internal/modelserver"
	"vision/internal/scorer"
)

// separate is a private network of processes: two miners, and a validator
// whose three roles are three processes.
type separate struct {
	folder                   string
	miners                   [2]*process
	minerOps                 [2]string
	gateway, scorer, checker *process
	second                   *process          // another gateway on the same database
	remote                   *process          // a checking server of its own hotkey
	ops                      map[string]string // by role
	api, key                 string
	goOn                     chan struct{} // see pauses
}

// The whole network from the files that `vision init network` writes, one
// process for each node and role.
func TestSeparateProcesses(t *testing.T) {
	t.Parallel()
	n := startSeparate(t)
	t.Run("a customer is served", n.serves)
	t.Run("health and metrics", n.observed)
	t.Run("beacons hear of customers", n.linked)
	t.Run("a miner reloads without dropping a stream", n.reloads)
	t.Run("two gateways share a key's last credit", n.sharesLastCredit)
	t.Run("periods are scored", n.scored)
	t.Run("everything stops in time", n.stops)
}

func startSeparate(t *testing.T) *separate {
	n := &separate{folder: t.TempDir(), ops: map[string]string{}, goOn: make(chan struct{})}
	at := func(name string) string { return filepath.Join(n.folder, name) }
	vision(t, "init", "network", "--dir", n.folder, "--miners", "2")
	id := strings.TrimSpace(vision(t, "hotkey", "show", at("hotkeys/validator")))

	other := strings.TrimSpace(vision(t, "hotkey", "show", at("hotkeys/checker")))

	checks, elsewhere := freePort(t), freePort(t)
	n.ops["remote"] = freePort(t)
	edit(t, at("checker.yaml"), "listen: :8092", "listen: "+elsewhere, "ops: 127.0.0.1:9099", "ops: "+n.ops["remote"])
	edit(t, at("catalogue.yaml"), "typical: 60", "typical: 20")
	raw, err := os.ReadFile(at("catalogue.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("catalogue.yaml"), patientCatalogue(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	edit(t, at("validator.yaml"),
		"listen: 127.0.0.1:8080", "listen: 127.0.0.1:0",
		"period: 1m0s", "period: 5s", "name: vision7", "name: vision4",
		`checker_listen: ""`, "checker_listen: "+checks,
		"checkers: []", fmt.Sprintf("checkers: [{address: %q, hotkey: %s}, {address: %q, hotkey: %s}]", checks, id, elsewhere, other))
	catalogue, err := config.LoadCatalogue(at("catalogue.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n.miners {
		models := httptest.NewServer(n.pauses(modelserver.New(modelserver.For(catalogue, 100))))
		t.Cleanup(models.Close)
		address := freePort(t)
		n.minerOps[i] = freePort(t)
		name := fmt.Sprintf("miner-%d", i+1)
		standard := fmt.Sprintf("127.0.0.1:%d", 8091+10*i)
		edit(t, at("network.yaml"), "address: "+standard+"\n", "address: "+address+"\n")
		edit(t, at(name+".yaml"),
			fmt.Sprintf("listen: :%d\n", 8091+10*i), "listen: "+address+"\n",
			"announce: "+standard+"\n", "announce: "+address+"\n",
			fmt.Sprintf("ops: 127.0.0.1:%d\n", 9101+i), "ops: "+n.minerOps[i]+"\n",
			"http://127.0.0.1:8000", models.URL)
		vision(t, "config", "check", "miner", at(name+".yaml"))
	}
	for i := range n.miners { // when the network's file does not change any more
		name := fmt.Sprintf("miner-%d", i+1)
		n.miners[i] = start(t, name, "miner", "--config", at(name+".yaml"))
	}
	vision(t, "config", "check", "validator", at("validator.yaml"))
	for _, m := range n.miners {
		m.says(t, "miner is ready", 0)
	}
	n.remote = start(t, "the checking server", "checker", "--config", at("checker.yaml"))
	n.remote.says(t, "checker is ready", 0)
	role := func(name string) *process {
		n.ops[name] = freePort(t)
		return start(t, name, "validator", "--config", at("validator.yaml"), "--roles", name, "--ops", n.ops[name])
	}
	n.checker = role("checker")
	n.checker.says(t, "validator is ready", 0)
	n.scorer = role("scorer")
	n.scorer.says(t, "validator is ready", 0)
	n.gateway = role("gateway")
	line, _ := n.gateway.says(t, "validator is ready", 0)
	n.api = "http://" + value(line, "api") + "/v1"
	n.second = start(t, "the second gateway", "validator", "--config", at("validator.yaml"), "--roles", "gateway", "--ops", "")

	var key struct{ Key string }
	if err := json.Unmarshal([]byte(vision(t, "key", "create", "--config", at("validator.yaml"), "--name", "test", "--json")), &key); err != nil {
		t.Fatal(err)
	}
	n.key = key.Key
	return n
}

// What streams whose prompts say so wait for, after a few writes, besides their
// askers' going: so it does not take time to be in the middle of one.
const (
	pausing = "The river pauses on its way."   // goes on once separate.goOn is closed
	endless = "The river never ends anywhere." // does not
)

// pauses stands before a model server.
func (n *separate) pauses(server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		switch {
		case bytes.Contains(body, []byte(pausing)):
			w = &paused{w, r.Context(), n.goOn, 0}
		case bytes.Contains(body, []byte(endless)):
			w = &paused{w, r.Context(), nil, 0}
		}
		server.ServeHTTP(w, r)
	})
}

// paused is an answer that stops after its first writes.
type paused struct {
	http.ResponseWriter
	asked context.Context
	goOn  <-chan struct{}
	wrote int
}

func (w *paused) Write(p []byte) (int, error) {
	if w.wrote++; w.wrote == 3 {
		select {
		case <-w.goOn:
		case <-w.asked.Done():
		}
	}
	return w.ResponseWriter.Write(p)
}

func (w *paused) Flush() { w.ResponseWriter.(http.Flusher).Flush() }

// ask has a text continued by at most so many tokens, of which the model servers
// write 100 a second; the answer's body is still to be read. It asks again when all
// miners are busy, as when the gateway knows of none yet.
func (n *separate) ask(t *testing.T, text string, tokens int) (answer *http.Response) {
	t.Helper()
	until(t, "a miner is free", func() bool {
		if answer = n.askOnce(t, text, tokens); answer.StatusCode == http.StatusServiceUnavailable {
			answer.Body.Close()
			return false
		}
		return true
	})
	return answer
}

func (n *separate) askOnce(t *testing.T, text string, tokens int) *http.Response {
	t.Helper()
	body := fmt.Sprintf(`{"model":"vision-ref-completion","stream":true,"max_tokens":%d,"temperature":1,"prompt":%q}`, tokens, text)
	r, err := http.NewRequestWithContext(t.Context(), "POST", n.api+"/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (n *separate) serves(t *testing.T) {
	// The gateway learns of miners when a period begins, of keys within a second.
	until(t, "the gateway serves", func() bool {
		answer := n.askOnce(t, "The river rises in the hills.", 20)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return err == nil && answer.StatusCode == 200 && strings.HasSuffix(string(body), "data: [DONE]\n\n")
	})
}

func (n *separate) observed(t *testing.T) {
	for name, want := range map[string]struct{ at, metric string }{
		"gateway": {n.ops["gateway"], "vision_gateway_requests_total{"},
		"scorer":  {n.ops["scorer"], `vision_scorer_probes_total{fate="sent"}`},
		"checker": {n.ops["checker"], `vision_checker_answers_total{code="200"}`},
		"remote":  {n.ops["remote"], `vision_checker_answers_total{code="200"}`},
		"miner-1": {n.minerOps[0], "vision_miner_requests_total"},
		"miner-2": {n.minerOps[1], "vision_miner_requests_total"},
	} {
		for _, page := range []string{"/healthz", "/readyz"} {
			if code, body := get(t, "http://"+want.at+page); code != 200 || body != "ok\n" {
				t.Errorf("%s%s: %d %s", name, page, code, body)
			}
		}
		until(t, name+" counts "+want.metric, func() bool {
			code, body := get(t, "http://"+want.at+"/metrics")
			return code == 200 && strings.Contains(body, want.metric)
		})
	}
}

// reloads takes a task from the miner that is just streaming.
func (n *separate) reloads(t *testing.T) {
	answer := n.ask(t, pausing, 100)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for range 3 {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
	}
	serving := answer.Header.Get("X-Vision-Miner")
	for i, m := range n.miners {
		name := fmt.Sprintf("miner-%d", i+1)
		if strings.TrimSpace(vision(t, "hotkey", "show", filepath.Join(n.folder, "hotkeys", name))) != serving {
			continue
		}
		file := filepath.Join(n.folder, name+".yaml")
		// A mistake changes nothing and says so.
		from := m.written()
		edit(t, file, "units: 6000", "unitz: 6000")
		m.Process.Signal(syscall.SIGHUP)
		m.says(t, "the changed configuration is not taken", from)
		from = m.written()
		edit(t, file, "unitz: 6000", "units: 1500")
		m.Process.Signal(syscall.SIGHUP)
		m.says(t, "configuration reloaded", from)

		close(n.goOn)
		last := ""
		for lines.Scan() {
			if lines.Text() != "" {
				last = lines.Text()
			}
		}
		if lines.Err() != nil || last != "data: [DONE]" {
			t.Errorf("the stream ended with %q, %v", last, lines.Err())
		}
		until(t, "the next period knows the new capacity", func() bool {
			for _, miner := range n.report(t).Miners {
				for _, c := range miner.Tasks {
					if miner.Hotkey.String() == serving && c.Task == "vision-ref-chat" && c.Declared == 1500*5/60 {
						return true
					}
				}
			}
			return false
		})
		return
	}
	t.Fatalf("X-Vision-Miner is %q, which is neither", serving)
}

// linked waits until the scorer hears of both gateways' customers, and a gateway says that it is heard.
func (n *separate) linked(t *testing.T) {
	for what, want := range map[string]struct{ at, line string }{
		"the scorer hears both gateways": {n.ops["scorer"], "vision_scorer_gateways 2\n"},
		"the gateway is heard":           {n.ops["gateway"], "vision_gateway_linked 1\n"},
	} {
		until(t, what, func() bool {
			code, body := get(t, "http://"+want.at+"/metrics")
			return code == 200 && strings.Contains(body, want.line)
		})
	}
}

func (n *separate) report(t *testing.T) scorer.Report {
	t.Helper()
	var r scorer.Report
	if err := json.Unmarshal([]byte(vision(t, "scores", "--json", "--config", filepath.Join(n.folder, "validator.yaml"))), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// scored waits for periods whose samples the checker in its own process judged.
func (n *separate) scored(t *testing.T) {
	var r scorer.Report
	until(t, "both miners are scored, checked and given weight", func() bool {
		r = n.report(t)
		good := 0
		for _, m := range r.Miners {
			for _, c := range m.Tasks {
				if m.Weight > 0 && c.PeriodScore > 0 && c.Quality.Checks > 0 {
					good++
					break
				}
			}
		}
		return r.Scored >= 2 && good == 2
	})
	// The ledger takes the first weights at once, and later ones at its pace.
	n.scorer.says(t, "weights set", 0)
	if files, err := filepath.Glob(filepath.Join(n.folder, "network.weights", "*")); err != nil || len(files) == 0 {
		t.Errorf("no weights are recorded beside the network's file: %v", err)
	}
	for _, m := range r.Miners {
		for _, c := range m.Tasks {
			if c.Quality.Checks > 0 && c.Quality.Mean < 0.9 {
				t.Errorf("miner %d, %s: quality %.3f, both are honest", m.UID, c.Task, c.Quality.Mean)
			}
		}
	}
	table := vision(t, "scores", "--config", filepath.Join(n.folder, "validator.yaml"))
	one := vision(t, "scores", r.Miners[0].Hotkey.String(), "--config", filepath.Join(n.folder, "validator.yaml"))
	if !strings.Contains(table, r.Miners[1].Hotkey.String()) || !strings.Contains(one, "period score") || !strings.Contains(one, "checks, newest first") {
		t.Errorf("the tables lack something:\n%s\n%s", table, one)
	}
}

// stops ends every process, the gateway in the middle of streams.
func (n *separate) stops(t *testing.T) {
	var streams []*http.Response
	for range 4 { // longer than a stop may take
		answer := n.ask(t, endless, 100)
		defer answer.Body.Close()
		bufio.NewReader(answer.Body).ReadString('\n')
		streams = append(streams, answer)
	}
	n.gateway.terminate(t)
	cutOff := 0
	for _, answer := range streams {
		rest, _ := io.ReadAll(answer.Body)
		if strings.HasSuffix(string(rest), "data: [DONE]\n\n") { // a text of one token is rare, but the model may end it so
			continue
		}
		cutOff++
		if strings.Contains(string(rest), "[DONE]") || !strings.Contains(string(rest), `"error"`) && !racing {
			t.Errorf("a stream that was cut off ends so: %s", rest[max(0, len(rest)-300):])
		}
	}
	if cutOff == 0 {
		t.Error("all streams ended before the gateway did")
	}
	if conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(n.api, "http://"), "/v1")); err == nil {
		conn.Close()
		t.Error("the gateway's port is still served")
	}
	n.scorer.terminate(t)
	n.checker.terminate(t)
	n.remote.terminate(t)
	for _, m := range n.miners {
		m.terminate(t)
	}
}
