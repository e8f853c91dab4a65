package task

import (
	"bytes"
	"strings"
	"testing"
)

func TestPrefixIsWhatAConversationShares(t *testing.T) {
	parse := func(k Kind, body string) []byte {
		r, _, _ := parsed(t, k.Name(), body)
		return PrefixOf(r)
	}
	first := parse(Chat{}, `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello"}]}`)
	later := parse(Chat{}, `{"temperature":0.5, "messages":[ {"content":"Be brief.","role":"system"},{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi"},{"role":"user","content":"Why?"}],"stream":true}`)
	other := parse(Chat{}, `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hellp"}]}`)
	switch {
	case len(first) == 0 || !bytes.Equal(first, later):
		t.Errorf("turns of one conversation begin with %q and %q", first, later)
	case bytes.Equal(first, other):
		t.Errorf("two conversations begin with %q", first)
	case !bytes.Contains(first, []byte("brief")) || !bytes.Contains(first, []byte("Hello")):
		t.Errorf("prefix %q", first)
	}
	long := strings.Repeat("x", 2*MaxPrefix)
	if got := parse(Chat{}, `{"messages":[{"role":"system","content":"`+long+`"},{"role":"user","content":"Hello"}]}`); len(got) != MaxPrefix {
		t.Errorf("%d bytes of long instructions", len(got))
	}
	if got := parse(Completion{}, `{"prompt":"Once upon","temperature":0}`); !bytes.Contains(got, []byte("Once upon")) || bytes.Contains(got, []byte("temperature")) {
		t.Errorf("prefix of a completion: %q", got)
	}
	if got := parse(Embedding{}, `{"input":"x"}`); got != nil {
		t.Errorf("prefix of an embedding: %q", got)
	}
}
