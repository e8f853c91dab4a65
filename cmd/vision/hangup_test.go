package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// No SIGHUP ends a node, not even one that comes while it starts: that one is
// heeded once it can be.
func TestHangups(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	vision(t, "init", "network", "--dir", folder, "--miners", "1")
	edit(t, at("validator.yaml"), "listen: 127.0.0.1:8080", "listen: 127.0.0.1:0", "ops: 127.0.0.1:9100", "ops: "+freePort(t))
	edit(t, at("checker.yaml"), "listen: :8092", "listen: "+freePort(t), "ops: 127.0.0.1:9099", "ops: "+freePort(t))
	edit(t, at("miner-1.yaml"), "listen: :8091\n", "listen: "+freePort(t)+"\n", "ops: 127.0.0.1:9101", "ops: "+freePort(t))
	for _, x := range []struct{ role, file, heeded, edited, to string }{
		{"miner", "miner-1.yaml", "configuration reloaded", "ops: ", "ops: 127.0.0.1:1 #"},
		{"validator", "validator.yaml", "configuration is as it was", "period: 1m0s", "period: 2m0s"},
		{"checker", "checker.yaml", "configuration is as it was", "ops: ", "ops: 127.0.0.1:1 #"},
	} {
		t.Run(x.role, func(t *testing.T) {
			file := at(x.file)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// Its configuration comes from a pipe, so that the test knows when
			// the process has come so far, and holds it there.
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(file, 0o600); err != nil {
				t.Fatal(err)
			}
			p := start(t, x.role, x.role, "--config", file)
			pipe := make(chan *os.File, 1)
			go func() {
				w, _ := os.OpenFile(file, os.O_WRONLY, 0) // returns when the other end reads
				pipe <- w
			}()
			var w *os.File
			select {
			case w = <-pipe:
			case <-p.ended:
				t.Fatalf("ended: %v", p.err)
			}
			hang := func() {
				t.Helper()
				if err := p.Process.Signal(syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
			}
			hang()
			if err := os.WriteFile(file+".new", text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(file+".new", file); err != nil { // for whoever reads it again
				t.Fatal(err)
			}
			if _, err := w.Write(text); err != nil {
				t.Fatal(err)
			}
			w.Close()
			p.says(t, x.role+" is ready", 0)
			_, next := p.says(t, x.heeded, 0)

			edit(t, file, x.edited, x.to) // what takes a restart
			hang()
			_, next = p.says(t, "restart", next)
			if err := os.WriteFile(file, []byte(strings.Repeat("nonsense: [\n", 2)), 0o600); err != nil {
				t.Fatal(err)
			}
			hang()
			_, next = p.says(t, "not taken", next)
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			hang()
			p.says(t, x.heeded, next)
			p.terminate(t)
		})
	}
}
