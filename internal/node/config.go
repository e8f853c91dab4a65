package node

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"vision/internal/chain"
	"vision/internal/checker"
	"vision/internal/config"
)

// Common is what every node's configuration begins with.
type Common struct {
	// Ledger says which network the node belongs to.
	Ledger Ledger `yaml:"ledger"`
	// Hotkey is the path of the node's hotkey file, as the official wallet tools write it.
	Hotkey string `yaml:"hotkey"`
	// PasswordFile names a file that holds the hotkey file's password, if it is encrypted.
	PasswordFile string `yaml:"password_file"`
	// Catalogue is the path of the task catalogue; the default tasks if empty.
	// Changes to the file are taken up while the node runs.
	Catalogue string `yaml:"catalogue"`
	// Ops is where /healthz, /readyz and /metrics are served; off if empty.
	Ops string `yaml:"ops"`
	// Log says how to log, to standard error.
	Log Log `yaml:"log"`
}

// Ledger names a network.
type Ledger struct {
	// Kind is the backend: private (one file describes the network) or devnet
	// (a running devnet's ledger on this machine).
	Kind string `yaml:"kind"`
	// File is the private network's file.
	File string `yaml:"file"`
	// Weights is the folder where a private network's weights are recorded; the
	// file's name with ".weights" if empty.
	Weights string `yaml:"weights"`
	// URL is where a devnet serves its ledger.
	URL string `yaml:"url"`
}

// Log says how to log.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is text or json.
	Format string `yaml:"format"`
}

func commonDefaults(ops string) Common {
	return Common{
		Ledger: Ledger{Kind: "private", File: "network.yaml"},
		Hotkey: "~/.bittensor/wallets/default/hotkeys/default",
		Ops:    ops,
		Log:    Log{Level: "info", Format: "text"},
	}
}

// root makes paths relative to the configuration's own folder.
func (c *Common) root(folder string) {
	for _, path := range []*string{&c.Ledger.File, &c.Ledger.Weights, &c.Hotkey, &c.PasswordFile, &c.Catalogue} {
		*path = config.Below(folder, *path)
	}
}

// rootKeyFiles does the same with the files that a checker's configuration names.
func rootKeyFiles(folder string, c *checker.Config) {
	for i := range c.References {
		c.References[i].KeyFile = config.Below(folder, c.References[i].KeyFile)
		c.References[i].Calibration = config.Below(folder, c.References[i].Calibration)
		for j := range c.References[i].Alternatives {
			c.References[i].Alternatives[j].KeyFile = config.Below(folder, c.References[i].Alternatives[j].KeyFile)
		}
	}
	c.Clip.KeyFile, c.NSFW.KeyFile = config.Below(folder, c.Clip.KeyFile), config.Below(folder, c.NSFW.KeyFile)
}

func (c *Common) check(report func(field, format string, args ...any)) {
	if backend, ok := ledgerNamed(c.Ledger.Kind); ok {
		backend.check(c.Ledger, report)
	} else {
		report("ledger.kind", "%q is not a ledger; the ledgers are %s", c.Ledger.Kind, strings.Join(ledgerNames(), ", "))
	}
	if c.Hotkey == "" {
		report("hotkey", "is missing: name the file of this node's hotkey")
	}
	if c.Ops != "" {
		checkListen("ops", c.Ops, report)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		report("log.level", "%q: want debug, info, warn or error", c.Log.Level)
	}
	if !slices.Contains([]string{"text", "json"}, c.Log.Format) {
		report("log.format", "%q: want text or json", c.Log.Format)
	}
}

func checkListen(field, address string, report func(field, format string, args ...any)) {
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		report(field, "%q is not an address to listen at, such as 127.0.0.1:8080 or :8080", address)
	}
}

func checkAnnounce(field, address string, report func(field, format string, args ...any)) {
	if _, err := chain.ParseEndpoint(address); err != nil {
		report(field, "%v", err)
	}
}

// mistakes collects what a Check reports, for callers without a file.
func mistakes(check func(report func(field, format string, args ...any))) error {
	var all []string
	check(func(field, format string, args ...any) {
		all = append(all, field+": "+fmt.Sprintf(format, args...))
	})
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(all, "; "))
}
