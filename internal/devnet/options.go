package devnet

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"vision/internal/ledger"
	"vision/internal/score"
)

// Options say what network to run. See Check for what is allowed.
type Options struct {
	// Data is the folder for all state. It is made if it is not there.
	Data string
	// Period is how long miners are tested before they are scored.
	Period time.Duration
	// Miners is how many honest ones there are.
	Miners int
	// Cheats are the names of dishonest ones to add, one miner each.
	Cheats []string
	// Listen is where the API is served; a free port on loopback if the port is 0.
	Listen string
	// PrivateLinks lets customers' requests link to pictures on this machine.
	PrivateLinks bool
	// Hedge is the share of requests that may be put to a second miner; see
	// gateway.hedge of a validator's configuration.
	Hedge float64
	// Prepaid, if above 0, adds the project "prepaid" with a key, and this paid in.
	Prepaid ledger.Amount
	// Admin is where the admin API is served; nowhere if empty. Its token is
	// drawn, and kept in AdminTokenFile.
	Admin string
	// Ops is where the validator's health and metrics are served; nowhere if empty.
	Ops string
	// Mechanism is how miners are scored; vision7 if empty.
	Mechanism string
	// Log is told what all nodes log.
	Log *slog.Logger
	// For tests: serving stands before every built-in model server, nil is nothing; and
	// patience is how long all has to stop in place of stopAfter, if it is not 0.
	serving  func(http.Handler) http.Handler
	patience time.Duration

	// Server, if not empty, is a real OpenAI-compatible server (its base URL,
	// without /v1) that all miners and the checker use in place of the built-in
	// reference model.
	Server string
	// Model is what Server calls its model.
	Model string
	// Engine is what Server is, as miners' configurations name it.
	Engine string
	// Template is the model's chat template, if the checker is to judge by
	// log-probabilities of texts: chatml, llama3, …
	Template string
	// QuantisedServer is what the cheat named quantised serves from, in place
	// of Server; it needs one when Server is set.
	QuantisedServer string
}

// Check says what is wrong with the options.
func (o *Options) Check() error {
	var errs []error
	if o.Period < 5*time.Second || o.Period > 24*time.Hour {
		errs = append(errs, fmt.Errorf("period is %v, want 5s to 24h", o.Period))
	}
	if o.Miners < 1 || o.Miners > 64 {
		errs = append(errs, fmt.Errorf("miners is %d, want 1 to 64", o.Miners))
	}
	if o.Mechanism != "" && !slices.Contains(score.Names(), o.Mechanism) {
		errs = append(errs, fmt.Errorf("%q is not a mechanism; the mechanisms are %s", o.Mechanism, strings.Join(score.Names(), ", ")))
	}
	for _, name := range o.Cheats {
		if _, err := cheatNamed(name); err != nil {
			errs = append(errs, err)
		}
		if name == quantised.name && o.Server != "" && o.QuantisedServer == "" {
			errs = append(errs, errors.New("the cheat quantised needs a server with the model quantised differently, for a real one cannot be changed from here"))
		}
	}
	if (o.Server == "") != (o.Model == "") {
		errs = append(errs, errors.New("a model server and the model's name there go together"))
	}
	if o.Prepaid < 0 || o.Prepaid > ledger.MaxCost {
		errs = append(errs, fmt.Errorf("prepaid is %v credits, want 0 (no prepaid project) to %v", o.Prepaid, ledger.MaxCost))
	}
	return errors.Join(errs...)
}
