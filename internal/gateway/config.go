package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"vision/internal/apikey"
	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/task"
)

// Config is what a Gateway is made of. Fields without "default" or "may be
// nil" must be given.
type Config struct {
	// Catalogue gives the tasks on sale. It is called for each request, so
	// that a changed file is live at once; it must be cheap.
	Catalogue func() *task.Catalogue
	// Board says whom to ask. The scorer's probes go through the same one when
	// both run in one process.
	Board *dispatch.Board
	// Relay makes the attempts.
	Relay relay.Attempter
	// Keys are the customers' keys, read again every second.
	Keys KeySource
	// Periods are the contenders, read again every second; the Board changes
	// when the period does.
	Periods PeriodSource
	// Past gives the outcomes of the period under way, once, at Start, so that
	// a restart forgets nothing of it. It may be nil.
	Past PastSource
	// Recorder makes outcomes durable.
	Recorder Recorder
	// Fetcher fetches pictures that requests link to. It may be nil: such
	// requests are refused.
	Fetcher Fetcher
	// Sampler decides which answers are kept to be checked. It may be nil: none.
	Sampler Sampler
	// Observer is told of every request and attempt, for metrics. It may be nil.
	Observer Observer
	// Log gets one event a request. Default: discarded.
	Log *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Random gives uniform random numbers. It must be safe for concurrent use.
	// Default: math/rand/v2.
	Random func() uint64
	// Every is how often Keys and Periods are read. Default: a second.
	Every time.Duration
	// Anonymous leaves out the X-Vision headers: the miner, the tries, and the
	// time in the gateway.
	Anonymous bool
	// Routing is what is done for a request over and above asking one miner.
	Routing Routing
	// Books are the projects that pay, with their receipts, read every second
	// with Keys. It may be nil: nobody pays, and there is no usage to be asked for.
	Books Books
	// Purses hold what requests of prepaid projects may cost. Wanted with Books.
	Purses Purses
	// Claims keep answers for customers who send a request again. They may be
	// nil: idempotency keys are passed over.
	Claims Claims
	// Pages are served beside the API. It may be nil: nothing but the API is.
	Pages Pages
	// Responses is how responses are remembered for who refers to them later.
	Responses Responses
	// Limits bound what strangers may use up.
	Limits Limits
}

// Responses is how responses of the Responses API are remembered: with their
// input, in memory alone, each for the key that asked.
type Responses struct {
	Memory int64         // bytes for all of them. 0: none is remembered.
	Keep   time.Duration // since its last use. Wanted with Memory.
}

// Limits bound requests. 0 in any field is its default.
type Limits struct {
	Body       int           // most bytes of a request. Default 8 MiB.
	BodyMemory int64         // most bytes of all requests' bodies over 64 KiB together. Default 512 MiB.
	BodyRead   time.Duration // in which a body must have come. Default 30 s.
	Write      time.Duration // that a customer may take to accept a write. Default 30 s.
	Record     time.Duration // that recording may take. Default 10 s.
	Requests   int           // at once, a quarter of them for Pages at most. Default 16384.
	Tries      int           // miners asked for one request, 1 to 8. Default 3.
	Guesses    int           // wrong keys a minute from one address. Default 30.
}

// KeySource lists all API keys, revoked ones too.
type KeySource interface {
	Keys(ctx context.Context) ([]apikey.Key, error)
}

// Purses give the purse of a project, and of the allowance of a key's root
// where that is not 0; *ledger.Purses does.
type Purses interface {
	Purse(project, root int64) *ledger.Purse
}

// PeriodSource gives the period under way and its contenders.
type PeriodSource interface {
	LastPeriod(ctx context.Context) (period.Period, error)
	Contenders(ctx context.Context, id int64) ([]period.Contender, error)
}

// PastSource lists recorded outcomes in the order of writing: those after a
// number, at most limit; and the greatest number before a time.
type PastSource interface {
	OutcomesAfter(ctx context.Context, after int64, limit int) ([]outcome.Numbered, error)
	SeqBefore(ctx context.Context, t time.Time) (int64, error)
}

// Recorder makes entries durable, all or none, before it returns nil.
type Recorder interface {
	Record(ctx context.Context, entries ...outcome.Entry) error
}

// Sampler decides, by a secret, whether an attempt's answer is to be checked.
type Sampler interface {
	Keep(id, task string, miner hotkey.ID) bool
}

// Observer counts. Its methods are called on the path of requests and must be
// cheap; what they are given must not be kept.
type Observer interface {
	Request(e *Event)
	Attempt(o *outcome.Outcome)
}

// Check lists what is missing or out of range.
func (c *Config) Check() error {
	var errs []error
	need := func(ok bool, name string) {
		if !ok {
			errs = append(errs, fmt.Errorf("gateway: %s is missing", name))
		}
	}
	need(c.Catalogue != nil, "Catalogue")
	need(c.Board != nil, "Board")
	need(c.Relay != nil, "Relay")
	need(c.Keys != nil, "Keys")
	need(c.Periods != nil, "Periods")
	need(c.Recorder != nil, "Recorder")
	need(c.Books == nil || c.Purses != nil, "Purses")
	if r := c.Responses; r.Memory < 0 || r.Memory > 0 && r.Keep <= 0 {
		errs = append(errs, fmt.Errorf("gateway: responses are to be kept in %d bytes for %v, want 0 or more, and a time above 0", r.Memory, r.Keep))
	}
	l := c.Limits
	if l.Body < 0 || l.BodyMemory < 0 || l.BodyRead < 0 || l.Write < 0 || l.Record < 0 || l.Requests < 0 || l.Guesses < 0 || c.Every < 0 {
		errs = append(errs, errors.New("gateway: a limit is negative"))
	}
	if l.Tries < 0 || l.Tries > maxTries {
		errs = append(errs, fmt.Errorf("gateway: tries is %d, want 1 to %d", l.Tries, maxTries))
	}
	return errors.Join(append(errs, c.Routing.check())...)
}

// maxTries bounds Limits.Tries.
const maxTries = 8

// filled is the config with its defaults.
func (c Config) filled() Config {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	c.Routing.fill()
	l := &c.Limits
	or(&l.Body, 8<<20)
	or(&l.Requests, 16384)
	or(&l.Tries, 3)
	or(&l.Guesses, 30)
	orTime(&l.BodyRead, 30*time.Second)
	orTime(&l.Write, 30*time.Second)
	orTime(&l.Record, 10*time.Second)
	orTime(&c.Every, time.Second)
	if l.BodyMemory == 0 {
		l.BodyMemory = 512 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Uint64
	}
	return c
}
