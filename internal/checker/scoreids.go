package checker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vision/internal/checker/evidence"
)

// reader is a model server that tells what it would have written at each token
// of an answer, of ids as they are. An adapter is these four questions; the
// course of a check is scoreIDs'. Each finds whose fault a refusal is (blame, blamePrompt).
type reader interface {
	// prompt gives the ids as which the server reads the request.
	prompt(ctx context.Context, q *textQuery) ([]int, error)
	// tokens gives those as which it reads the answer's text.
	tokens(ctx context.Context, q *textQuery) ([]int, error)
	// text gives what ids stand for, without an end token at their end.
	text(ctx context.Context, q *textQuery, prompt, ids []int) (string, error)
	// read scores ids as the continuation of the prompt; errContext if there is no room for them.
	read(ctx context.Context, q *textQuery, prompt, ids []int) (*reading, error)
}

// reading is what a server says of an answer.
type reading struct {
	positions []evidence.Position // of its tokens, in order; those may be left out that the server shows nothing of
	next      []listed            // what may come after the last; empty if the server does not tell
}

// scoreIDs judges an answer by its ids, or by those that its text is read into.
// Where there is no room for all of it its beginning is judged. certain says that
// r's prompt ids are those that every honest server of the task has.
func scoreIDs(ctx context.Context, r reader, q *textQuery, certain bool) (*scores, error) {
	prompt, err := r.prompt(ctx, q)
	if err != nil {
		return nil, err
	}
	ids := q.answer.ids
	if !q.answer.hasIDs {
		if ids, err = r.tokens(ctx, q); err != nil {
			return nil, err
		}
	}
	sc := &scores{Tokens: len(ids), HasText: q.answer.hasIDs, Text: string(q.answer.text)}
	if certain {
		sc.Prompt = prompt
	}
	if q.padded(len(ids)) {
		return sc, nil
	}
	if q.answer.hasIDs {
		if sc.Text, err = r.text(ctx, q, prompt, ids); err != nil {
			return nil, err
		}
	}
	fits := ids
	said, err := r.read(ctx, q, prompt, fits)
	for errors.Is(err, errContext) && len(fits) >= 2*leastTokens {
		fits, sc.Cut = fits[:len(fits)/2], true
		said, err = r.read(ctx, q, prompt, fits)
	}
	if err != nil {
		return nil, err
	}
	sc.Positions = said.positions
	if !sc.Cut && q.ended(sc.Text) && !slices.Contains(q.model.EndTokens, ids[len(ids)-1]) {
		if end, ok := endOf(said.next, q); ok {
			end.Exact = true
			sc.Positions = append(sc.Positions, end)
		}
		if !q.answer.hasIDs {
			sc.Tokens++
		}
	}
	return sc, nil
}

// tokenized asks /tokenize as what ids the server reads the answer's text; query is
// what it wants to be asked.
func (s *server) tokenized(ctx context.Context, q *textQuery, query func(text string) map[string]any) ([]int, error) {
	var raw []byte
	ask := func(text string) func() error {
		return func() (err error) {
			raw, err = s.post(ctx, "/tokenize", query(text))
			return err
		}
	}
	text := string(q.answer.text)
	if err := ask(text)(); err != nil {
		return nil, blame(err, ask(text), ask(harmlessText(q.maxTokens)), ask(harmlessText(1)))
	}
	return tokensOf(raw, text)
}

// tokensOf reads what /tokenize says of a text.
func tokensOf(raw []byte, text string) ([]int, error) {
	a, err := object[struct {
		Tokens []int `json:"tokens"`
	}](raw, "tokens")
	if err == nil && len(a.Tokens) == 0 {
		err = fmt.Errorf("the reference reads a text of %d bytes into no tokens", len(text))
	}
	return a.Tokens, err
}
