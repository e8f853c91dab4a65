package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vision/internal/config"
	"vision/internal/devnet"
)

// process is the program run as a child.
type process struct {
	*exec.Cmd
	name  string
	mu    sync.Mutex // guards lines and marks
	lines []string   // of standard output and standard error
	grown chan struct{}
	ended chan struct{} // closed once it is gone; then err is set
	err   error
}

// start runs the program. It is killed when the test ends, if it still runs,
// and what it wrote is shown if the test failed.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command("vision", args...), name: name, grown: make(chan struct{}, 1), ended: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stdout, p.Stderr = w, w
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		defer close(p.ended)
		defer r.Close()
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			p.mu.Unlock()
			select {
			case p.grown <- struct{}{}:
			default:
			}
		}
		p.err = p.Wait()
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s wrote, at the end:\n%s", name, strings.Join(p.lines[max(0, len(p.lines)-25):], "\n"))
		}
	})
	return p
}

// says waits for a line that contains a text, from a line number on, and
// gives it with the number of the next.
func (p *process) says(t *testing.T, text string, from int) (string, int) {
	t.Helper()
	over := time.After(patience)
	for gone := false; ; {
		p.mu.Lock()
		for ; from < len(p.lines); from++ {
			if line := p.lines[from]; strings.Contains(line, text) {
				p.mu.Unlock()
				return line, from + 1
			}
		}
		p.mu.Unlock()
		if gone {
			t.Fatalf("%s ended (%v) before it said %q", p.name, p.err, text)
		}
		select {
		case <-p.grown:
		case <-p.ended:
			gone = true
		case <-over:
			t.Fatalf("%s did not say %q within %v", p.name, text, patience)
		}
	}
}

// written is how many lines it has written.
func (p *process) written() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// terminate asks the process to end and checks that it does so in order: its exit
// code would not be 0 if its parts did not end within the time that it gives them,
// which is less than five seconds. Under the race detector, which makes the program ten
// times as slow, that is no mistake, and only said.
func (p *process) terminate(t *testing.T) (inOrder bool) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	select {
	case <-p.ended:
		if p.err != nil && !racing {
			t.Errorf("%s ended with %v, want exit code 0", p.name, p.err)
		}
	case <-time.After(patience):
		t.Errorf("%s still runs %v after SIGTERM", p.name, patience)
		return false
	}
	return p.err == nil
}

// value is what follows key= in a line of the log.
func value(line, key string) string {
	_, after, _ := strings.Cut(line, key+"=")
	word, _, _ := strings.Cut(after, " ")
	return word
}

// handedOut are the ports that freePort has handedOut.
var handedOut struct {
	sync.Mutex // guards ports
	ports      map[int]bool
}

// freePort gives an address on loopback that nobody listens at. It is below the
// ports that systems give to whoever asks for any, so that nobody takes it
// before the program does.
func freePort(t *testing.T) string {
	t.Helper()
	handedOut.Lock()
	defer handedOut.Unlock()
	for range 1000 {
		port := 20000 + rand.N(10000)
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		l.Close()
		if handedOut.ports[port] {
			continue
		}
		if handedOut.ports == nil {
			handedOut.ports = map[int]bool{}
		}
		handedOut.ports[port] = true
		return address
	}
	t.Fatal("no port is free")
	return ""
}

// vision runs the program to its end and gives its standard output.
func vision(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, nil, &out, &errs); code != exitOK {
		t.Fatalf("vision %s: exit code %d: %s", strings.Join(args, " "), code, errs.String())
	}
	return out.String()
}

// edit changes texts in a file, each of which must be there.
func edit(t *testing.T, file string, changes ...string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s has no %q", file, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// timeouts are those of a catalogue's tasks.
var timeouts = regexp.MustCompile(`timeouts: \{[^}]*\}`)

// patientCatalogue is a catalogue whose tasks have time enough on the slowest
// machine: how soon a miner must answer is not what these tests are about.
func patientCatalogue(text []byte) []byte {
	return timeouts.ReplaceAll(text, []byte("timeouts: {first: 120s, gap: 120s, total: 180s}"))
}

// patientDevnet gives a folder of data whose catalogue is patient.
func patientDevnet(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(devnet.CatalogueFile(data), patientCatalogue(config.DevnetCatalogue()), 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

// get fetches a page.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// patience is how long a test waits for what is sure to come, however slow the
// machine, before it calls that lost.
const patience = 4 * time.Minute * slowness

// until waits for something that comes by itself.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	over := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}
