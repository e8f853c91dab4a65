package refmodel

import (
	"context"
	"fmt"
	"strings"
)

// Limits of a request.
const (
	MaxContext     = 8192 // prompt and answer together, in tokens
	MaxTopLogprobs = 20
	MaxStops       = 16
)

// Request asks for one answer.
type Request struct {
	Prompt      []int    // token ids; see Chat and Prompt
	MaxTokens   int      // at least 1; cut at what MaxContext leaves
	Temperature float64  // 0 to 2; 0 is greedy
	TopP        float64  // (0, 1]; 0 counts as 1
	Seed        uint64   // same seed, same answer
	Stop        []string // answer ends before the first of these
	TopLogprobs int      // alternatives reported per token, 0 to MaxTopLogprobs
	Forced      []int    // ids to answer with instead of sampling (guided decoding); then the end token
}

// Validate reports what is wrong with a request and how to put it right.
func (r *Request) Validate() error {
	switch {
	case len(r.Prompt) == 0:
		return fmt.Errorf("prompt is empty: send at least one token")
	case len(r.Prompt) >= MaxContext:
		return fmt.Errorf("prompt has %d tokens: the maximum context length is %d tokens", len(r.Prompt), MaxContext)
	case r.MaxTokens < 1:
		return fmt.Errorf("max_tokens is %d: use at least 1", r.MaxTokens)
	case !(r.Temperature >= 0 && r.Temperature <= 2):
		return fmt.Errorf("temperature is %v: use 0 to 2", r.Temperature)
	case !(r.TopP >= 0 && r.TopP <= 1):
		return fmt.Errorf("top_p is %v: use more than 0, at most 1", r.TopP)
	case r.TopLogprobs < 0 || r.TopLogprobs > MaxTopLogprobs:
		return fmt.Errorf("top logprobs is %d: use 0 to %d", r.TopLogprobs, MaxTopLogprobs)
	case len(r.Stop) > MaxStops:
		return fmt.Errorf("%d stop strings: use at most %d", len(r.Stop), MaxStops)
	}
	for i, s := range r.Stop {
		if s == "" {
			return fmt.Errorf("stop string %d is empty: leave it out", i)
		}
	}
	return checkIDs("prompt", r.Prompt)
}

func checkIDs(what string, ids []int) error {
	for i, id := range ids {
		if !ValidID(id) {
			return fmt.Errorf("%s token %d is %d: ids are 0 to %d", what, i, id, VocabSize-1)
		}
	}
	return nil
}

// Why an answer ended.
const (
	FinishStop   = "stop"   // the end token or a stop string
	FinishLength = "length" // MaxTokens or the context was full
)

// Token is one generated token.
type Token struct {
	ID      int
	Logprob float64        // of ID at temperature 1, before top_p, natural log
	Top     []TokenLogprob // Request.TopLogprobs best, best first
	Text    string         // text that became certain with it; "" while bytes or a stop string are pending
	Finish  string         // "" until the last token, then FinishStop or FinishLength
	Stop    string         // the stop string that ended the answer, if one did
}

// Generate yields tokens until the answer ends, yield returns false or ctx is
// done, which is the only error besides an invalid request. The end token is
// yielded like any other, with no text of its own.
func (m *LM) Generate(ctx context.Context, r Request, yield func(Token) bool) error {
	if err := r.Validate(); err != nil {
		return err
	}
	c := m.NewContext()
	for i, id := range r.Prompt {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		c.Append(id)
	}
	sampler := NewSampler(r.Temperature, r.TopP, r.Seed)
	limit := min(r.MaxTokens, MaxContext-len(r.Prompt))
	text := stopFilter{stops: r.Stop}
	var d Distribution
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.Next(&d)
		id := sampler.Draw(&d)
		if r.Forced != nil {
			if id = TokenEnd; i < len(r.Forced) {
				id = r.Forced[i]
			}
		}
		c.Append(id)
		t := Token{ID: id, Logprob: d.Logprobs[id], Top: d.Top(r.TopLogprobs)}
		t.Text, t.Stop = text.add(id)
		switch {
		case IsEnd(id) || t.Stop != "":
			t.Finish = FinishStop
		case i+1 == limit:
			t.Finish = FinishLength
		}
		if t.Finish != "" && t.Stop == "" {
			tail, stop := text.flush()
			t.Text += tail
			if stop != "" {
				t.Stop, t.Finish = stop, FinishStop
			}
		}
		if !yield(t) || t.Finish != "" {
			return nil
		}
	}
}

// stopFilter decodes tokens and holds back text that may begin a stop string.
type stopFilter struct {
	stops []string
	dec   Decoder
	held  string
}

func (f *stopFilter) add(id int) (text, stop string) { return f.take(f.dec.Add(id), false) }

func (f *stopFilter) flush() (text, stop string) { return f.take(f.dec.Flush(), true) }

func (f *stopFilter) take(s string, end bool) (text, stop string) {
	f.held += s
	at := -1
	for _, s := range f.stops {
		if i := strings.Index(f.held, s); i >= 0 && (at < 0 || i < at) {
			at, stop = i, s
		}
	}
	if at >= 0 {
		return f.held[:at], stop
	}
	keep := 0
	if !end {
		for _, s := range f.stops {
			for n := min(len(s)-1, len(f.held)); n > keep; n-- {
				if strings.HasSuffix(f.held, s[:n]) {
					keep = n
				}
			}
		}
	}
	text, f.held = f.held[:len(f.held)-keep], f.held[len(f.held)-keep:]
	return text, ""
}
