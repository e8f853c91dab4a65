package node

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vision/internal/chain"
	"vision/internal/chain/local"
	"vision/internal/chain/private"
)

// ledgerBackend opens one kind of ledger.
type ledgerBackend struct {
	name  string
	check func(c Ledger, report func(field, format string, args ...any))
	open  func(c Ledger) (chain.Ledger, error)
}

// ledgers are all there are. To add one, write a package that implements
// chain.Ledger and name it here.
var ledgers = []ledgerBackend{
	{name: "private", check: checkPrivate, open: openPrivate},
	{name: "devnet", check: checkDevnet, open: openDevnet},
}

func ledgerNamed(name string) (ledgerBackend, bool) {
	i := slices.IndexFunc(ledgers, func(b ledgerBackend) bool { return b.name == name })
	if i < 0 {
		return ledgerBackend{}, false
	}
	return ledgers[i], true
}

func ledgerNames() []string {
	names := make([]string, len(ledgers))
	for i, b := range ledgers {
		names[i] = b.name
	}
	return names
}

// OpenLedger opens the ledger that a configuration names.
func OpenLedger(c Ledger) (chain.Ledger, error) {
	backend, ok := ledgerNamed(c.Kind)
	if !ok {
		return nil, fmt.Errorf("%q is not a ledger; the ledgers are %s", c.Kind, strings.Join(ledgerNames(), ", "))
	}
	l, err := backend.open(c)
	if err != nil {
		return nil, fmt.Errorf("open the %s ledger: %w", c.Kind, err)
	}
	return l, nil
}

func checkPrivate(c Ledger, report func(field, format string, args ...any)) {
	if c.File == "" {
		report("ledger.file", "is missing: name the file that describes the private network")
		return
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		report("ledger.file", "%v", err)
		return
	}
	if _, err := private.Parse(c.File, text); err != nil {
		report("ledger.file", "the network's file has mistakes:\n%v", err)
	}
}

func openPrivate(c Ledger) (chain.Ledger, error) {
	weights := c.Weights
	if weights == "" {
		weights = strings.TrimSuffix(c.File, filepath.Ext(c.File)) + ".weights"
	}
	return private.Open(private.Config{File: c.File, Weights: weights, Now: time.Now})
}

func checkDevnet(c Ledger, report func(field, format string, args ...any)) {
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" || u.Host == "" {
		report("ledger.url", "%q is not where a devnet serves its ledger, such as http://127.0.0.1:9944; the devnet prints it", c.URL)
	}
}

// devnetTimeout bounds the first talk with a devnet's ledger.
const devnetTimeout = 5 * time.Second

func openDevnet(c Ledger) (chain.Ledger, error) {
	ctx, cancel := context.WithTimeout(context.Background(), devnetTimeout)
	defer cancel()
	return local.Dial(ctx, c.URL, time.Now)
}
