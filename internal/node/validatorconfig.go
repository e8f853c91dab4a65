package node

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"vision/internal/checker"
	"vision/internal/config"
	"vision/internal/dashboard"
	"vision/internal/hotkey"
	"vision/internal/randomness"
	"vision/internal/sampling"
)

// The roles of a validator.
const (
	Gateway = "gateway" // sells the API
	Scorer  = "scorer"  // runs periods, scores, sets weights
	Checks  = "checker" // judges samples
)

// ValidatorConfig is a validator's configuration file.
type ValidatorConfig struct {
	Common `yaml:",inline"`
	// Data is the folder of the validator's database. Processes that share the
	// validator's roles on one machine share it.
	Data string `yaml:"data"`
	// Durable is what an answered request survives: normal (the process's end,
	// however it ends) or full (a power cut too, at some cost in time).
	Durable string `yaml:"durable"`
	// Period is how long miners are tested before they are scored.
	Period time.Duration `yaml:"period"`
	// Mechanism is how they are scored.
	Mechanism MechanismConfig `yaml:"mechanism"`
	// Beacons is when they are asked all at once.
	Beacons BeaconConfig `yaml:"beacons"`
	// Reports is how validators see one another's.
	Reports ReportConfig `yaml:"reports"`
	// Roles are what this process does: gateway, scorer, checker.
	Roles []string `yaml:"roles"`

	Gateway GatewayConfig `yaml:"gateway"`
	Admin   AdminConfig   `yaml:"admin"`
	Scorer  ScorerConfig  `yaml:"scorer"`
	// Checker is the checking server in this process.
	Checker checker.Config `yaml:"checker"`
	// CheckerListen is where other processes may use it, host:port; nowhere if empty.
	CheckerListen string `yaml:"checker_listen"`
	// Checkers are checking servers elsewhere. They share the work, and the one in the
	// scorer's own process does if there is one; one that fails is left alone for a while.
	Checkers []RemoteChecker `yaml:"checkers"`
}

// GatewayConfig says how access is sold.
type GatewayConfig struct {
	// Listen is where customers are served over plain HTTP, host:port. Put a
	// proxy that speaks HTTPS in front of it before opening it to the world.
	Listen string `yaml:"listen"`
	// Tries is how many miners one request may be put to.
	Tries int `yaml:"tries"`
	// Requests is how many are served at once; beyond it 503.
	Requests int `yaml:"requests"`
	// Body is the most bytes of a request.
	Body int `yaml:"body"`
	// Retries is how many attempts beyond the first each request earns on
	// average, (0, 1]: where all fail, miners get no more than that on top.
	Retries float64 `yaml:"retries"`
	// Hedge is the share of requests, [0, 0.5], that may be put to a second
	// miner when the first is later than 19 of 20; 0 is none.
	Hedge float64 `yaml:"hedge"`
	// Affinity sends requests whose prompts begin alike to the same miner, as
	// long as it is as good as others: its cache may hold the beginning.
	Affinity bool `yaml:"affinity"`
	// Anonymous leaves out the X-Vision response headers: the miner, the tries,
	// the time in the gateway.
	Anonymous bool `yaml:"anonymous"`
	// Responses is how answers of the Responses API are remembered.
	Responses ResponsesConfig `yaml:"responses"`
	// Links is how pictures are fetched that requests link to.
	Links LinksConfig `yaml:"links"`
	// Page is what a browser is shown at the API's address.
	Page PageConfig `yaml:"page"`
}

// ResponsesConfig is how the gateway remembers answers of the Responses API, for
// clients that refer to them by their ids: with what they answered, in memory
// alone, each for the key that asked, and none that was asked for with
// store: false.
type ResponsesConfig struct {
	// Memory is the bytes that it takes at most; 0 is for remembering nothing.
	Memory int64 `yaml:"memory"`
	// Keep is how long one is remembered after its last use.
	Keep time.Duration `yaml:"keep"`
}

// LinksConfig bounds what the gateway fetches where customers say. Only public
// addresses are connected to, after redirects as well.
type LinksConfig struct {
	// Fetch turns it on. Without it customers must send pictures themselves.
	Fetch bool `yaml:"fetch"`
	// Bytes is the most that a picture may have.
	Bytes int64 `yaml:"bytes"`
	// Timeout bounds one fetch, redirects included.
	Timeout time.Duration `yaml:"timeout"`
	// Redirects is how many are followed.
	Redirects int `yaml:"redirects"`
	// AtOnce is how many fetches may be under way.
	AtOnce int `yaml:"at_once"`
	// Private lets loopback and private addresses be fetched from too. Customers
	// can then read what only this machine can reach: for tests alone.
	Private bool `yaml:"private"`
}

// PageConfig is the page with models, playground, code and reference, and what
// goes with it: /status.json and /openapi.json. None of them needs a key.
type PageConfig struct {
	// Show turns it on.
	Show bool `yaml:"show"`
	// Name is what you call your access point, at most 80 characters.
	Name string `yaml:"name"`
	// Notice is a text of yours for the page: terms, whom to ask for a key. An
	// empty line ends a paragraph. At most 4000 characters.
	Notice string `yaml:"notice"`
	// Live publishes how many miners there are, what is free, and how fast it is.
	Live bool `yaml:"live"`
}

// ScorerConfig bounds the control loop.
type ScorerConfig struct {
	// Probes is how many may be under way at once.
	Probes int `yaml:"probes"`
	// Checks is how many samples are at each checking server at once.
	Checks int `yaml:"checks"`
	// Bursts is how many requests of beacons may be under way at once. Contenders
	// that find no place among them are not asked at that beacon; who is due more than that alone, at none.
	Bursts int `yaml:"bursts"`
	// Synthetic is the most of a task's capacity, (0, 1], that may go to requests of
	// the validator's own. Beacons that would take more leave the task out.
	Synthetic float64 `yaml:"synthetic"`
	// CheckRate is the least share of answers that is checked, (0, 1].
	CheckRate float64 `yaml:"check_rate"`
	// WatchedRate is the least share of a miner's answers that is checked while it is
	// watched, (0, 1]; a fifth of it while it is convicted.
	WatchedRate float64 `yaml:"watched_rate"`
	// BeaconChecks is how many times as often as its others a miner's answers to
	// beacons are checked, 1 to 1000.
	BeaconChecks float64 `yaml:"beacon_checks"`
	// FalseConvictions is the largest chance that an honest miner is ever convicted on a
	// task, 1e-12 to 0.05. The smaller, the more answers it takes to convict a cheat.
	FalseConvictions float64 `yaml:"false_convictions"`
	// CleanRecord is how many checked answers without fault end a first conviction;
	// each further one takes twice as many.
	CleanRecord int `yaml:"clean_record"`
	// Keep is how long outcomes and scores are kept.
	Keep time.Duration `yaml:"keep"`
	// Corpus names a file of prompts for probes, of your own; "" is none. A SIGHUP
	// reads it again. See docs/operating.md for its form.
	Corpus string `yaml:"corpus"`
	// LearnFromCustomers lets probes be made of what customers asked: changed, and
	// kept in memory only.
	LearnFromCustomers bool `yaml:"learn_from_customers"`
	// NeverLearnFrom are projects, by name, of whose requests nothing is made.
	NeverLearnFrom []string `yaml:"never_learn_from"`
}

// RemoteChecker is a checking server in another process.
type RemoteChecker struct {
	// Address is host:port.
	Address string `yaml:"address"`
	// Hotkey is who it proves to be.
	Hotkey hotkey.ID `yaml:"hotkey"`
}

// ValidatorDefaults is what a validator's file is read onto.
func ValidatorDefaults() ValidatorConfig {
	return ValidatorConfig{
		Common:  commonDefaults("127.0.0.1:9100"),
		Data:    "data",
		Durable: "normal",
		Period:  time.Hour,
		Roles:   []string{Gateway, Scorer, Checks},

		Mechanism: MechanismConfig{Name: "vision7"},
		Reports:   ReportConfig{Receipts: true},
		Beacons:   BeaconConfig{Sources: []string{"drand", "ledger"}, Drand: randomness.QuicknetURLs()},
		Gateway: GatewayConfig{Listen: "127.0.0.1:8080", Tries: 3, Retries: 0.2, Affinity: true, Requests: 16384, Body: 8 << 20,
			Responses: ResponsesConfig{Memory: 64 << 20, Keep: time.Hour},
			Links:     LinksConfig{Fetch: true, Bytes: 8 << 20, Timeout: 10 * time.Second, Redirects: 3, AtOnce: 32},
			Page:      PageConfig{Show: true, Name: "Vision", Live: true}},
		Scorer:  ScorerConfig{Probes: 256, Bursts: 16384, Synthetic: 0.02, Checks: 4, CheckRate: 0.02, WatchedRate: 0.25, BeaconChecks: 10, FalseConvictions: 1e-4, CleanRecord: 200, Keep: 14 * 24 * time.Hour},
		Checker: checker.Defaults(),
	}
}

// Root implements config.Rooted.
func (c *ValidatorConfig) Root(folder string) {
	c.root(folder)
	c.Data = config.Below(folder, c.Data)
	c.Scorer.Corpus = config.Below(folder, c.Scorer.Corpus)
	c.Admin.TokenFile = config.Below(folder, c.Admin.TokenFile)
	rootKeyFiles(folder, &c.Checker)
}

// Check implements config.Checker.
func (c *ValidatorConfig) Check(report func(field, format string, args ...any)) {
	c.Common.check(report)
	if c.Data == "" {
		report("data", "is missing: name the folder for the database")
	}
	if c.Durable != "normal" && c.Durable != "full" {
		report("durable", "%q: want normal or full", c.Durable)
	}
	if c.Period < 5*time.Second {
		report("period", "is %v, want at least 5s", c.Period)
	}
	c.Mechanism.check(report)
	c.Beacons.check(report)
	c.Reports.check(report)
	known := []string{Gateway, Scorer, Checks}
	for i, r := range c.Roles {
		if !slices.Contains(known, r) {
			report(fmt.Sprintf("roles[%d]", i), "%q is not a role; the roles are %s", r, strings.Join(known, ", "))
		} else if slices.Index(c.Roles, r) != i {
			report(fmt.Sprintf("roles[%d]", i), "%q is there twice", r)
		}
	}
	if len(c.Roles) == 0 {
		report("roles", "is empty: the process would do nothing")
	}
	checkListen("gateway.listen", c.Gateway.Listen, report)
	within(report, "gateway.tries", c.Gateway.Tries, 1, 8)
	if !(c.Gateway.Retries > 0 && c.Gateway.Retries <= 1) {
		report("gateway.retries", "is %v, want above 0, at most 1; tries: 1 turns trying again off", c.Gateway.Retries)
	}
	if !(c.Gateway.Hedge >= 0 && c.Gateway.Hedge <= 0.5) {
		report("gateway.hedge", "is %v, want 0 to 0.5", c.Gateway.Hedge)
	}
	within(report, "gateway.requests", c.Gateway.Requests, 1, 1<<20)
	within(report, "gateway.body", c.Gateway.Body, 1<<10, 8<<20)
	if r := c.Gateway.Responses; r.Memory != 0 {
		within(report, "gateway.responses.memory", int(r.Memory), 1<<20, 1<<40)
		if r.Keep < time.Second || r.Keep > 30*24*time.Hour {
			report("gateway.responses.keep", "is %v, want 1s to 720h; memory: 0 turns remembering off", r.Keep)
		}
	}
	links := c.Gateway.Links
	within(report, "gateway.links.bytes", int(links.Bytes), 1<<10, 64<<20)
	within(report, "gateway.links.redirects", links.Redirects, 0, 10)
	within(report, "gateway.links.at_once", links.AtOnce, 1, 1<<12)
	if links.Timeout < 100*time.Millisecond || links.Timeout > time.Minute {
		report("gateway.links.timeout", "is %v, want 100ms to 1m", links.Timeout)
	}
	short(report, "gateway.page.name", c.Gateway.Page.Name, dashboard.MostName)
	short(report, "gateway.page.notice", c.Gateway.Page.Notice, dashboard.MostNotice)
	c.Admin.check(report)
	within(report, "scorer.probes", c.Scorer.Probes, 1, 1<<16)
	within(report, "scorer.bursts", c.Scorer.Bursts, 1, 1<<20)
	if !(c.Scorer.Synthetic > 0 && c.Scorer.Synthetic <= 1) {
		report("scorer.synthetic", "is %v, want above 0, at most 1", c.Scorer.Synthetic)
	}
	within(report, "scorer.checks", c.Scorer.Checks, 1, 1<<10)
	if !(c.Scorer.CheckRate > 0 && c.Scorer.CheckRate <= 1) {
		report("scorer.check_rate", "is %v, want above 0, at most 1", c.Scorer.CheckRate)
	}
	if !(c.Scorer.WatchedRate > 0 && c.Scorer.WatchedRate <= 1) {
		report("scorer.watched_rate", "is %v, want above 0, at most 1", c.Scorer.WatchedRate)
	}
	if !(c.Scorer.BeaconChecks >= 1 && c.Scorer.BeaconChecks <= sampling.MostBeacon) {
		report("scorer.beacon_checks", "is %v, want 1 to %d", c.Scorer.BeaconChecks, sampling.MostBeacon)
	}
	if !(c.Scorer.FalseConvictions >= 1e-12 && c.Scorer.FalseConvictions <= 0.05) {
		report("scorer.false_convictions", "is %v, want 1e-12 to 0.05", c.Scorer.FalseConvictions)
	}
	within(report, "scorer.clean_record", c.Scorer.CleanRecord, 1, 100_000)
	if c.Scorer.Keep < 48*c.Period {
		report("scorer.keep", "is %v, want at least 48 periods (%v): scores look back that far", c.Scorer.Keep, 48*c.Period)
	}
	if c.Scorer.Corpus != "" && c.has(Scorer) {
		if _, err := ReadCorpus(c.Scorer.Corpus); err != nil {
			report("scorer.corpus", "%v", err)
		}
	}
	if len(c.Scorer.NeverLearnFrom) > 0 && !c.Scorer.LearnFromCustomers {
		report("scorer.never_learn_from", "names projects, but learn_from_customers is off, so nothing is learned from anybody")
	}
	c.Checker.Check(func(field, format string, args ...any) { report("checker."+field, format, args...) })
	if c.CheckerListen != "" {
		checkListen("checker_listen", c.CheckerListen, report)
	}
	for i, r := range c.Checkers {
		at := fmt.Sprintf("checkers[%d].", i)
		checkAnnounce(at+"address", r.Address, report)
		if r.Hotkey.IsZero() {
			report(at+"hotkey", "is missing: say who the checking server must prove to be")
		}
	}
	if c.has(Checks) && !c.has(Scorer) && c.CheckerListen == "" {
		report("checker_listen", "is empty, and this process has no scorer role: nobody could use its checker")
	}
	if c.has(Scorer) && !c.has(Checks) && len(c.Checkers) == 0 {
		report("checkers", "is empty, and this process has no checker role: nothing would ever be checked, so nobody scored")
	}
}

func (c *ValidatorConfig) has(role string) bool { return slices.Contains(c.Roles, role) }

func within(report func(field, format string, args ...any), field string, v, low, high int) {
	if v < low || v > high {
		report(field, "is %d, want %d to %d", v, low, high)
	}
}

func short(report func(field, format string, args ...any), field, text string, most int) {
	if n := utf8.RuneCountInString(text); n > most {
		report(field, "has %d characters, want at most %d", n, most)
	}
}
