package checker

import (
	"bytes"
	"fmt"
	"testing"

	"vision/internal/checker/evidence"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/refmodel"
)

// answered is one answer that is judged: to which prompt, whose, under which seed, and
// under which seed it was really written.
type answered struct {
	request       string
	miner         byte
	seed, written uint64
	body          string
}

// Who hands out another miner's answer under another seed is told of, however
// honest the text is, and is not held guilty of it; nor is the other.
func TestCoincidencesAcrossMiners(t *testing.T) {
	const long = `{"messages":[{"role":"user","content":"Tell me of the harbour"}],"max_tokens":60,"stream":true,"temperature":1}`
	const other = `{"messages":[{"role":"user","content":"Tell me of the river"}],"max_tokens":60,"stream":true,"temperature":1}`
	const short = `{"messages":[{"role":"user","content":"Tell me of the harbour"}],"max_tokens":2,"stream":true,"temperature":1}`
	const cold = `{"messages":[{"role":"user","content":"Tell me of the harbour"}],"max_tokens":60,"stream":true,"temperature":0.01}`
	for name, x := range map[string]struct {
		before []answered
		now    answered
		with   byte   // the miner that the answer is said to be alike with; 0: none
		to     string // and which request it answered
	}{
		"a copier with a friend's seed": {[]answered{{"a", 1, 10, 10, long}}, answered{"b", 2, 11, 10, long}, 1, "a"},
		"the copier is asked first":     {[]answered{{"a", 2, 11, 10, long}}, answered{"b", 1, 10, 10, long}, 2, "a"},
		"honest miners":                 {[]answered{{"a", 1, 10, 10, long}}, answered{"b", 2, 11, 11, long}, 0, ""},
		"the same seed":                 {[]answered{{"a", 1, 10, 10, long}}, answered{"b", 2, 10, 10, long}, 0, ""},
		"another prompt":                {[]answered{{"a", 1, 10, 10, other}}, answered{"b", 2, 11, 10, long}, 0, ""},
		"the same miner":                {[]answered{{"a", 1, 10, 10, long}}, answered{"b", 1, 11, 10, long}, 0, ""},
		"a short text":                  {[]answered{{"a", 1, 10, 10, short}}, answered{"b", 2, 11, 10, short}, 0, ""},
		"near temperature 0":            {[]answered{{"a", 1, 10, 10, cold}}, answered{"b", 2, 11, 11, cold}, 0, ""},
		"judged again":                  {[]answered{{"a", 1, 10, 10, long}, {"b", 2, 11, 10, long}}, answered{"b", 2, 11, 10, long}, 1, "a"},
		"the first, judged again":       {[]answered{{"a", 1, 10, 10, long}, {"b", 2, 11, 10, long}}, answered{"a", 1, 10, 10, long}, 0, ""},
		"two friends":                   {[]answered{{"a", 1, 10, 10, long}, {"b", 2, 11, 11, long}}, answered{"c", 3, 12, 11, long}, 2, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChecker(t)
			judge := func(a answered) (found outcome.Copy) {
				s := serve(t, stack(refmodel.Full), chatTask, a.seed, a.body)
				s.Sample.Response = serve(t, stack(refmodel.Full), chatTask, a.written, a.body).Sample.Response
				s.Spec.Engine = "other"
				s.Sample.Outcome.Request, s.Sample.Outcome.Miner = a.request, hotkey.ID{a.miner}
				r := judgeIt(t, c, s)
				if a.miner != 1 && r.E > 3 {
					t.Errorf("an answer that is alike is held against its miner: %+v", r)
				}
				return r.Copy
			}
			for _, a := range x.before {
				judge(a)
			}
			got := judge(x.now)
			if x.with == 0 {
				if !got.IsZero() {
					t.Errorf("a coincidence where there is none: %+v", got)
				}
				return
			}
			if got.Other != (hotkey.ID{x.with}) || got.To != x.to || got.Request != x.now.request || got.LogP > -14 || got.Validate(hotkey.ID{x.now.miner}) != nil {
				t.Errorf("found %+v, want miner %d's %s", got, x.with, x.to)
			}
		})
	}
}

// The memory holds no text and is bounded, and what it holds of one prompt too.
func TestCoincidencesAreBounded(t *testing.T) {
	c := newCopies()
	mine := func(i int) *marked {
		return &marked{miner: hotkey.ID{1, byte(i), byte(i >> 8)}, request: fmt.Sprint(i), seed: fmt.Sprint(i), marks: []evidence.Landmark{{Tokens: 1, LogP: -20}}}
	}
	for i := range 3 * mostMarked {
		if n := len(c.meet([32]byte{}, mine(i))); n != min(i, mostMarked) {
			t.Fatalf("%d others before answer %d", n, i)
		}
	}
	for i := range mostCopies + 100 {
		c.meet([32]byte{1, byte(i), byte(i >> 8)}, mine(i))
	}
	if len(c.known) != mostCopies {
		t.Errorf("%d prompts are remembered, want %d", len(c.known), mostCopies)
	}
	c.meet([32]byte{2}, &marked{request: "x"})
	if c.known[[32]byte{2}] != nil {
		t.Error("an answer without landmarks is remembered")
	}
	tokens := []int32{1, 2, 3, 4}
	marks := []evidence.Landmark{{Tokens: 2}, {Tokens: 4}}
	other := &marked{marks: marks, hashes: hashed(tokens, marks)}
	for want, written := range [][]int32{{1, 3, 3, 4}, {1, 2, 3}, {1, 2, 3, 4, 5}} {
		if n := shared(other, written); n != want {
			t.Errorf("%v shares %d landmarks, want %d", written, n, want)
		}
	}
	if h := hashed(tokens, marks); len(h) != 2 || bytes.Equal(h[0][:], h[1][:]) {
		t.Error("hashes of two beginnings are one")
	}
}
