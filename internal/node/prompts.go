package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/apikey"
	"vision/internal/corpus"
	"vision/internal/prompt"
)

// ReadCorpus reads a file of the operator's own prompts.
func ReadCorpus(file string) (*corpus.Corpus, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read the corpus: %w", err)
	}
	if info.Size() > corpus.MostBytes { // before it is all in memory
		return nil, fmt.Errorf("corpus %s: it has %d bytes, more than the %d allowed", file, info.Size(), corpus.MostBytes)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the corpus: %w", err)
	}
	c, err := corpus.Read(data)
	if err != nil {
		return nil, fmt.Errorf("corpus %s: %w", file, err)
	}
	return c, nil
}

// prompts are the operator's own for probes; what they are can change while they are drawn.
type prompts struct {
	now atomic.Pointer[corpus.Corpus]
}

// Draw implements scorer.Corpus.
func (p *prompts) Draw(r *rand.Rand, kind string, turns, bytes int) []prompt.Turn {
	if c := p.now.Load(); c != nil {
		return c.Draw(r, kind, turns, bytes)
	}
	return nil
}

// load reads a file, if one is named, in place of what there was. On an error
// that stays.
func (p *prompts) load(file string) error {
	if file == "" {
		return nil
	}
	c, err := ReadCorpus(file)
	if err == nil {
		p.now.Store(c)
	}
	return err
}

// ReloadCorpus reads the operator's own prompts again. On an error the old ones stay.
func (v *Validator) ReloadCorpus() error { return v.prompts.load(v.config.Scorer.Corpus) }

// accounts says whose keys are whose.
type accounts interface {
	Keys(ctx context.Context) ([]apikey.Key, error)
	Projects(ctx context.Context) ([]apikey.Project, error)
}

// consent says whether probes may be made of what was asked with a key: not of
// what projects asked that are named, and of nothing while nobody knows whose the key is.
type consent struct {
	accounts accounts

	mu    sync.Mutex      // guards the rest
	never map[string]bool // projects by name
	may   map[int64]bool
	read  time.Time
}

// consentFresh is how long what is known of keys is used.
const consentFresh = 10 * time.Second

func newConsent(a accounts, never []string) *consent {
	c := &consent{accounts: a}
	c.set(never)
	return c
}

// set names anew who does not agree.
func (c *consent) set(never []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.never, c.read = map[string]bool{}, time.Time{}
	for _, name := range never {
		c.never[name] = true
	}
}

// NeverLearnFrom names anew the projects of whose requests no probes are made. What is remembered
// of theirs is forgotten at once.
func (v *Validator) NeverLearnFrom(projects []string) {
	if v.consent != nil {
		v.consent.set(projects)
		v.forget()
	}
}

func (c *consent) of(key int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.read) > consentFresh {
		c.read, c.may = time.Now(), nil
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		projects, err := c.accounts.Projects(ctx)
		if err != nil {
			return false
		}
		names := map[int64]string{}
		for _, p := range projects {
			names[p.ID] = p.Name
		}
		keys, err := c.accounts.Keys(ctx)
		if err != nil {
			return false
		}
		c.may = map[int64]bool{}
		for _, k := range keys {
			name, known := names[k.Project]
			c.may[k.ID] = known && !c.never[name]
		}
	}
	return c.may[key]
}
