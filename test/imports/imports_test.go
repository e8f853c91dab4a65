package imports

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// TestImportsPointOneWay holds the whole module to the rules.
func TestImportsPointOneWay(t *testing.T) {
	tree := os.DirFS("../..")
	packages, err := read(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 20 {
		t.Fatalf("found only %d packages: the test looks in the wrong place", len(packages))
	}
	for _, wrong := range check("vision", packages) {
		t.Error(wrong)
	}
}

// TestArchitectureNamesEveryPackage holds the map of docs/architecture.md to the rules.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	first := map[Layer]string{Pure: "pure:", Adapter: "adapters", Relay: "request path", Role: "roles", Plumbing: "plumbing", Wiring: "assembly"}
	for name, layer := range layerOf {
		if layer == TestKit || strings.HasPrefix(name, "test/") {
			continue
		}
		row := ""
		for line := range strings.Lines(string(page)) {
			if strings.HasPrefix(line, "| "+first[layer]) {
				row = line
			}
		}
		if !strings.Contains(row, "`"+name+"`") {
			t.Errorf("docs/architecture.md does not name %s among the packages of its layer, %s", name, layer)
		}
	}
}

// TestRulesBite breaks every rule in a made-up module, and keeps to them beside it.
func TestRulesBite(t *testing.T) {
	file := func(lines ...string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
	}
	for _, c := range []struct {
		name string
		path string
		text *fstest.MapFile
		want string // in the complaint; none if empty
	}{
		{"pure on pure", "internal/score/a.go", file(`package score`, `import "vision/internal/hotkey"`), ""},
		{"pure on vetted cryptography", "internal/hotkey/a.go", file(`package hotkey`, `import "golang.org/x/crypto/blake2b"`), ""},
		{"pure on other modules", "internal/score/a.go", file(`package score`, `import "go.yaml.in/yaml/v3"`), "of other modules this layer may use only"},
		{"pure on sockets", "internal/proto/a.go", file(`package proto`, `import "net/http"`), "talks to nobody"},
		{"pure on addresses", "internal/chain/a.go", file(`package chain`, `import "net/netip"`), ""},
		{"pure on files", "internal/task/a.go", file(`package task`, `import "os"`), "reads no files"},
		{"pure on databases", "internal/store/a.go", file(`package store`, `import "database/sql"`), "only an adapter knows"},
		{"pure on logs", "internal/dispatch/a.go", file(`package dispatch`, `import "log/slog"`), "does not log"},
		{"pure on global chance", "internal/prompt/a.go", file(`package prompt`, `import "math/rand/v2"`, `var x = rand.IntN(3)`), "draws nothing by itself"},
		{"pure on global chance by another name", "internal/prompt/a.go", file(`package prompt`, `import dice "math/rand/v2"`, `var x = dice.IntN(3)`), "draws nothing by itself"},
		{"pure on chance passed in", "internal/prompt/a.go", file(`package prompt`, `import "math/rand/v2"`, `func f(r *rand.Rand) int { return r.IntN(3) }`), ""},
		{"pure on the clock", "internal/score/a.go", file(`package score`, `import "time"`, `var x = time.Now()`), "takes the time as an argument"},
		{"pure on the clock as a value", "internal/score/a.go", file(`package score`, `import "time"`, `var now = time.Now`), "takes the time as an argument"},
		{"pure on durations", "internal/score/a.go", file(`package score`, `import "time"`, `const x = time.Second`), ""},
		{"pure on an adapter", "internal/chain/a.go", file(`package chain`, `import "vision/internal/chain/local"`), "imports point one way"},
		{"adapter on pure", "internal/store/sqlite/a.go", file(`package sqlite`, `import ("database/sql"; "vision/internal/store")`), ""},
		{"adapter on its part", "internal/store/sqlite/a.go", file(`package sqlite`, `import "vision/internal/store/journal"`), ""},
		{"adapter on adapter", "internal/chain/local/a.go", file(`package local`, `import "vision/internal/transport"`), "could not be exchanged"},
		{"adapter on role", "internal/transport/a.go", file(`package transport`, `import "vision/internal/miner"`), "could not be exchanged"},
		{"role on relay", "internal/gateway/a.go", file(`package gateway`, `import "vision/internal/relay"`), ""},
		{"role on role", "internal/gateway/a.go", file(`package gateway`, `import "vision/internal/scorer"`), "declares the interfaces"},
		{"role on adapter", "internal/scorer/a.go", file(`package scorer`, `import "vision/internal/store/sqlite"`), "declares the interfaces"},
		{"role on plumbing", "internal/miner/a.go", file(`package miner`, `import "vision/internal/config"`), "declares the interfaces"},
		{"role on TLS", "internal/miner/a.go", file(`package miner`, `import "crypto/tls"`), "the transport's to decide"},
		{"role on counters", "internal/gateway/a.go", file(`package gateway`, `import "github.com/prometheus/client_golang/prometheus"`), ""},
		{"role on the page of counters", "internal/gateway/a.go", file(`package gateway`, `import "github.com/prometheus/client_golang/prometheus/promhttp"`), "obs serves"},
		{"relay on net/http", "internal/relay/a.go", file(`package relay`, `import "net/http"`), "speaks HTTP/1.1 itself"},
		{"relay on files", "internal/relay/a.go", file(`package relay`, `import "os"`, `var x = os.Getenv`), "touches no files"},
		{"relay on deadlines", "internal/relay/a.go", file(`package relay`, `import "os"`, `var x = os.ErrDeadlineExceeded`), ""},
		{"relay on role", "internal/relay/a.go", file(`package relay`, `import "vision/internal/gateway"`), "must not know either"},
		{"plumbing on role", "internal/config/a.go", file(`package config`, `import "vision/internal/gateway"`), "passed in"},
		{"wiring on everything", "internal/devnet/a.go", file(`package devnet`, `import ("vision/internal/node"; "vision/internal/gateway"; "vision/internal/transport")`), ""},
		{"wiring on a test kit", "internal/node/a.go", file(`package node`, `import "vision/internal/chain/chaintest"`), "test kits are for tests"},
		{"testing outside tests", "internal/obs/a.go", file(`package obs`, `import "testing"`), "linked into the program"},
		{"cgo", "internal/score/a.go", file(`package score`, `import "C"`), "built by Go alone"},
		{"tests are free", "internal/score/a_test.go", file(`package score`, `import "os"`), ""},
		{"testdata is not a package", "internal/score/testdata/a.go", file(`package score`, `import "os"`), ""},
		{"a new package", "internal/novelty/a.go", file(`package novelty`), "say which layer it belongs to"},
		{"a heap", "internal/common/a.go", file(`package common`), "belongs nowhere"},
		{"a heap inside", "internal/score/util/a.go", file(`package util`), "belongs nowhere"},
		{"a heap by its clause", "internal/novelty/a.go", file(`package helpers`), "belongs nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			packages, err := read(fstest.MapFS{c.path: c.text})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(check("vision", packages), "\n")
			switch {
			case c.want == "" && got != "":
				t.Errorf("complains of what is right: %s", got)
			case !strings.Contains(got, c.want):
				t.Errorf("complaint is %q, want one with %q", got, c.want)
			}
		})
	}
}

// TestEveryLayerHasRules keeps a new layer from being free of any.
func TestEveryLayerHasRules(t *testing.T) {
	for path, layer := range layerOf {
		if _, ok := rules[layer]; !ok {
			t.Errorf("%s is in the layer %q, which has no rules", path, layer)
		}
	}
}
