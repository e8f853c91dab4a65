package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vision/internal/checker"
	"vision/internal/checker/calibration"
	"vision/internal/hotkey"
	"vision/internal/hotkey/wallet"
	"vision/internal/transport"
)

// CheckerConfig is a checking server's configuration file. A checking server
// may be any hotkey, registered or not; the validators that it works for name
// it in their `checkers`.
type CheckerConfig struct {
	Common `yaml:",inline"`
	// Listen is where validators are served, host:port.
	Listen string `yaml:"listen"`
	// Allow are the hotkeys of the validators that it works for.
	Allow []hotkey.ID `yaml:"allow"`

	checker.Config `yaml:",inline"`
}

// CheckerDefaults is what a checking server's file is read onto.
func CheckerDefaults() CheckerConfig {
	return CheckerConfig{Common: commonDefaults("127.0.0.1:9102"), Listen: ":8092", Config: checker.Defaults()}
}

// Root implements config.Rooted.
func (c *CheckerConfig) Root(folder string) {
	c.root(folder)
	rootKeyFiles(folder, &c.Config)
}

// Check implements config.Checker.
func (c *CheckerConfig) Check(report func(field, format string, args ...any)) {
	c.Common.check(report)
	checkListen("listen", c.Listen, report)
	if len(c.Allow) == 0 {
		report("allow", "is empty: name the hotkeys of the validators that may use this checking server")
	}
	c.Config.Check(report)
}

// Checker is a running checking server.
type Checker struct {
	*base
	listener *listening
}

// NewChecker prepares a checking server. Its listener is bound by Run.
func NewChecker(ctx context.Context, c CheckerConfig, p Parts) (*Checker, error) {
	b, err := newBase(ctx, p, c.Ops)
	if err != nil {
		return nil, err
	}
	var salt [32]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return nil, fmt.Errorf("draw a salt: %w", err)
	}
	role, err := checker.New(c.Config, checker.Deps{Secret: readSecret, Salt: salt[:], Log: p.Log,
		Calibration: Calibrations(append(slices.Clone(c.Allow), p.Key.ID()))})
	if err != nil {
		return nil, err
	}
	return &Checker{base: b, listener: b.serveChecks(c.Listen, role, c.Allow)}, nil
}

// Calibrations reads calibrations that one of signers signed.
func Calibrations(signers []hotkey.ID) func(file string) (*calibration.File, error) {
	return func(file string) (*calibration.File, error) {
		path, err := wallet.Expand(file)
		if err != nil {
			return nil, err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return calibration.Read(raw, signers)
	}
}

// Addr is where validators are served, once ready.
func (c *Checker) Addr() string { return c.listener.addr }

var errNotAllowed = errors.New("this checking server does not work for that hotkey")

// serveChecks adds a listener for a checker's callers.
func (b *base) serveChecks(address string, c *checker.Checker, callers []hotkey.ID) *listening {
	admit := func(id hotkey.ID) error {
		if !slices.Contains(callers, id) {
			return fmt.Errorf("%w: %s", errNotAllowed, id)
		}
		return nil
	}
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "vision_checker_answers_total", Help: "Samples that a validator had judged here, by HTTP status: 200 is a verdict.",
	}, []string{"code"})
	b.ops.Registry.MustRegister(answers)
	return b.serveTLS("checking server", at(address), transport.Admit(promhttp.InstrumentHandlerCounter(answers, c), admit), admit)
}
