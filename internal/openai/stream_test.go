package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vision/internal/fault"
)

// Pieces of streams as vLLM writes them.
const (
	roleEvent   = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":[1,2,3]}` + "\n\n"
	tokenEvent  = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"content":"Hé"},"logprobs":null,"finish_reason":null,"token_ids":[42]}]}` + "\n\n"
	finishEvent = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"content":"!"},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":[7,2]}]}` + "\n\n"
	usageEvent  = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[],"usage":{"prompt_tokens":3,"total_tokens":900,"completion_tokens":897}}` + "\n\n"
	doneEvent   = "data: [DONE]\n\n"
	whole       = roleEvent + tokenEvent + tokenEvent + finishEvent + usageEvent + doneEvent

	shownRole   = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	shownToken  = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"content":"Hé"},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	shownFinish = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"content":"!"},"logprobs":null,"finish_reason":"stop","stop_reason":null}]}` + "\n\n"
)

var usual = Options{Limit: 4096, Model: "m", Max: Bounds{Completion: 100, Prompt: 1000}}

// feed gives a stream pieces and its end; code is the error's, "" without one.
func feed(opt Options, pieces ...string) (out, code string, s *Stream) {
	s = NewStream(opt)
	var dst []byte
	for _, p := range pieces {
		var err error
		if dst, err = s.Feed(dst, []byte(p)); err != nil {
			break
		}
	}
	if err := s.End(); err != nil {
		code = err.(*fault.Error).Code
	}
	return string(dst), code, s
}

func TestStreamShowsTheAnswerWithoutWhatOnlyValidatorsNeed(t *testing.T) {
	out, code, s := feed(usual, whole)
	if want := shownRole + shownToken + shownToken + shownFinish; out != want || code != "" {
		t.Errorf("got %q\n%s\nwant\n%s", code, out, want)
	}
	want := Tally{Completion: 4, Prompt: 3, Finish: "stop"}
	if got := s.Tally(); got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
	if m := s.Meta(); m != (Meta{ID: "chatcmpl-1", Created: 1700000000, Object: "chat.completion.chunk", Model: "m"}) {
		t.Errorf("meta %+v", m)
	}
	if s.Chunks() != 3 || !s.Done() || !s.Started() {
		t.Errorf("chunks %d, done %v, started %v", s.Chunks(), s.Done(), s.Started())
	}
}

func TestStreamKeepsTokenIDsThatAreWanted(t *testing.T) {
	opt := usual
	opt.TokenIDs = true
	out, code, _ := feed(opt, whole)
	if want := roleEvent + tokenEvent + tokenEvent + finishEvent; out != want || code != "" {
		t.Errorf("got %q\n%s\nwant\n%s", code, out, want)
	}
}

// event wraps a choice as a chunk.
func event(choice string) string { return `data: {"choices":[` + choice + "]}\n\n" }

const (
	hi  = `{"delta":{"content":"hi"}}`
	end = `{"delta":{},"finish_reason":"length"}`
)

func TestStreamStates(t *testing.T) {
	tests := []struct {
		name  string
		in    string
		out   string
		code  string
		count int64
	}{
		{"nothing", "", "", "empty", 0},
		{"role alone", roleEvent, "", "empty", 0},
		{"empty answer", event(end) + doneEvent, "", "empty", 0},
		{"ended at once by the model", event(`{"delta":{},"finish_reason":"stop","token_ids":[7]}`) + doneEvent, event(`{"delta":{},"finish_reason":"stop"}`), "", 1},
		{"no finish", event(hi) + doneEvent, event(hi), "truncated", 1},
		{"no done", event(hi) + event(end), event(hi) + event(end), "truncated", 1},
		{"cut within an event", event(hi) + `data: {"cho`, event(hi), "truncated", 1},
		{"whole without ids", event(hi) + event(hi) + event(end) + doneEvent, event(hi) + event(hi) + event(end), "", 2},
		{"after done", event(hi) + event(end) + doneEvent + event(hi), event(hi) + event(end), "after_done", 1},
		{"part after done", event(hi) + event(end) + doneEvent + "x", event(hi) + event(end), "after_done", 1},
		{"done twice", event(hi) + event(end) + doneEvent + doneEvent, event(hi) + event(end), "after_done", 1},
		{"comment after done", event(hi) + event(end) + doneEvent + ": bye\n\n", event(hi) + event(end), "", 1},
		{"output after finish", event(hi) + event(end) + event(hi) + doneEvent, event(hi) + event(end), "after_finish", 1},
		{"silence after finish", event(hi) + event(end) + event(`{"delta":{}}`) + doneEvent, event(hi) + event(end), "", 1},
		{"upstream error", event(hi) + `data: {"error":{"message":"out of memory"}}` + "\n\n", event(hi), "upstream_error", 1},
		{"error line", event(hi) + "error: {\"code\":500}\n\n", event(hi), "upstream_error", 1},
		{"null error", `data: {"error":null,"choices":[` + hi + "]}\n\n" + event(end) + doneEvent, `data: {"error":null,"choices":[` + hi + "]}\n\n" + event(end), "", 1},
		{"not JSON", event(hi) + "data: nonsense\n\n", event(hi), "malformed_event", 1},
		{"not an object", "data: [1]\n\n", "", "malformed_event", 0},
		{"no choices", "data: {}\n\n", "", "malformed_event", 0},
		{"two choices", event(hi + "," + hi), "", "malformed_event", 0},
		{"second choice", event(`{"index":1,"delta":{"content":"x"}}`), "", "malformed_event", 0},
		{"text that is a number", event(`{"delta":{"content":1}}`), "", "malformed_event", 0},
		{"twice content", event(`{"delta":{"content":"a","content":"b"}}`), "", "malformed_event", 0},
		{"escaped name", event(`{"delta":{"\u0063ontent":"b"}}`), "", "malformed_event", 0},
		{"not UTF-8", event("{\"delta\":{\"content\":\"\xff\"}}"), "", "malformed_event", 0},
		{"half an escape", event(`{"delta":{"content":"\u12"}}`), "", "malformed_event", 0},
		{"too large a number", event(`{"delta":{"content":"a"},"x":1e999}`), "", "malformed_event", 0},
		{"deep", event(`{"delta":{"content":"a"},"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`), "", "malformed_event", 0},
		{"negative id", event(`{"delta":{"content":"a"},"token_ids":[-1]}`), "", "malformed_event", 0},
		{"ids that are text", event(`{"delta":{"content":"a"},"token_ids":"1"}`), "", "malformed_event", 0},
		{"CRLF", strings.ReplaceAll(event(hi)+event(end)+doneEvent, "\n", "\r\n"), event(hi) + event(end), "", 1},
		{"BOM, comments, names", "\xEF\xBB\xBF: ping\nevent: x\nid: 3\n" + event(hi) + ":\n\n" + event(end) + doneEvent, event(hi) + event(end), "", 1},
		{"no space", strings.ReplaceAll(event(hi)+event(end)+doneEvent, "data: ", "data:"), event(hi) + event(end), "", 1},
		{"many lines", "data: {\"choices\":\ndata: [" + hi + "]}\n\n" + event(end) + doneEvent, `data: {"choices": [` + hi + "]}\n\n" + event(end), "", 1},
		{"empty data", "data:\n\ndata\n\n" + event(hi) + event(end) + doneEvent, event(hi) + event(end), "", 1},
		{"reasoning", event(`{"delta":{"reasoning_content":"hm"}}`) + event(end) + doneEvent, event(`{"delta":{"reasoning_content":"hm"}}`) + event(end), "", 1},
		{"tool call", event(`{"delta":{"content":null,"tool_calls":[{"index":0}]}}`) + event(end) + doneEvent, event(`{"delta":{"content":null,"tool_calls":[{"index":0}]}}`) + event(end), "", 1},
		{"completion", event(`{"text":"hi","finish_reason":null}`) + event(`{"text":"","finish_reason":"stop"}`) + doneEvent, event(`{"text":"hi","finish_reason":null}`) + event(`{"text":"","finish_reason":"stop"}`), "", 1},
		{"another model", `data: {"model":"/models/x.gguf","choices":[` + hi + "]}\n\n" + event(end) + doneEvent, `data: {"model":"m","choices":[` + hi + "]}\n\n" + event(end), "", 1},
		{"cut first", `data: { "usage":null, "prompt_token_ids" : [1], "choices":[{"token_ids":[5],"delta":{"content":"hi"}}]}` + "\n\n" + event(end) + doneEvent, `data: { "choices":[{"delta":{"content":"hi"}}]}` + "\n\n" + event(end), "", 1},
		{"cut all", event(hi) + event(`{"token_ids":[5], "prompt_token_ids":null }`) + event(end) + doneEvent, event(hi) + event(`{}`) + event(end), "", 1},
		{"too long an event", "data: {\"x\":\"" + strings.Repeat("x", 5000), "", "event_too_long", 0},
		{"too many lines", strings.Repeat("data: 1234567890123456789012345678901234567890\n", 200), "", "event_too_long", 0},
		{"endless beginning", strings.Repeat(roleEvent, 50), "", "event_too_long", 0},
		{"too many tokens", event(hi) + event(`{"token_ids":[`+strings.Repeat("1,", 200)+`1]}`) + event(end) + doneEvent, event(hi) + event(`{}`) + event(end), "", 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, code, s := feed(usual, tt.in)
			if out != tt.out || code != tt.code || s.Tally().Completion != tt.count {
				t.Errorf("got %q, %q, %d tokens\nwant %q, %q, %d", out, code, s.Tally().Completion, tt.out, tt.code, tt.count)
			}
			bytewise, code2, s2 := feed(usual, strings.Split(tt.in, "")...)
			if bytewise != out || code2 != code || s2.Tally() != s.Tally() {
				t.Errorf("byte by byte %q, %q, %+v\nat once %q, %q, %+v", bytewise, code2, s2.Tally(), out, code, s.Tally())
			}
			if excess := s.Tally().Excess; excess != (tt.name == "too many tokens") {
				t.Errorf("excess is %v", excess)
			}
		})
	}
}

func TestStreamBoundsTheUpstreamsClaims(t *testing.T) {
	opt := usual
	opt.Max.Prompt = 10
	_, _, s := feed(opt, event(hi)+event(end)+`data: {"choices":[],"usage":{"prompt_tokens":1000000,"completion_tokens":50}}`+"\n\n"+doneEvent)
	if got := s.Tally(); got.Prompt != 10 || got.Completion != 1 || !got.Estimated {
		t.Errorf("tally %+v", got)
	}
}

func TestStreamIsLikeNewAfterReset(t *testing.T) {
	s := NewStream(Options{Limit: 100, Model: "other"})
	s.Feed(nil, []byte(tokenEvent+tokenEvent))
	s.Reset(usual)
	out, err := s.Feed(nil, []byte(whole))
	fresh, _, f := feed(usual, whole)
	if err != nil || s.End() != nil || string(out) != fresh || s.Tally() != f.Tally() || s.Chunks() != f.Chunks() {
		t.Errorf("after Reset: %v\n%s\nfresh:\n%s", err, out, fresh)
	}
}

// checkShown fails unless out is events of whole JSON objects without ids.
func checkShown(t *testing.T, out []byte, ids bool) {
	t.Helper()
	if len(out) == 0 {
		return
	}
	events := strings.Split(strings.TrimSuffix(string(out), "\n\n"), "\n\n")
	for _, e := range events {
		data, ok := strings.CutPrefix(e, "data: ")
		if !ok || strings.ContainsAny(data, "\r\n") {
			t.Fatalf("not an event of one line: %q", e)
		}
		var v struct {
			PromptIDs *[]int64 `json:"prompt_token_ids"`
			Usage     any      `json:"usage"`
			Error     any      `json:"error"`
			Choices   []struct {
				IDs *[]int64 `json:"token_ids"`
			} `json:"choices"`
		}
		var whole map[string]any
		if err := json.Unmarshal([]byte(data), &whole); err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		// encoding/json also takes names in other letters; those are not cut.
		if strings.ContainsAny(data, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") || bytes.ContainsRune([]byte(data), 'ſ') {
			continue
		}
		if err := json.Unmarshal([]byte(data), &v); err == nil && !ids {
			if v.PromptIDs != nil || v.Usage != nil || len(v.Choices) != 1 || v.Choices[0].IDs != nil {
				t.Fatalf("shown to a customer: %s", data)
			}
		}
	}
}

// FuzzStream checks that any bytes, cut in any way, give the same output, and
// that the output is well-formed.
func FuzzStream(f *testing.F) {
	for _, s := range []string{whole, "\xEF\xBB\xBF" + whole, strings.ReplaceAll(whole, "\n", "\r\n"), event(hi) + event(end) + doneEvent,
		"data: {\"choices\":\ndata: [" + hi + "]}\n\n", ": x\n\nerror: y\n"} {
		f.Add([]byte(s), uint64(1), false)
		f.Add([]byte(s), uint64(2), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, ids bool) {
		opt := usual
		opt.Limit, opt.TokenIDs = 1024, ids
		atOnce, code, s := feed(opt, string(in))
		checkShown(t, []byte(atOnce), ids)
		r := rand.New(rand.NewPCG(seed, 0))
		var pieces []string
		for rest := string(in); rest != ""; {
			n := 1 + r.IntN(min(len(rest), 1+r.IntN(300)))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		cut, cutCode, cs := feed(opt, pieces...)
		if cut != atOnce || cutCode != code || cs.Tally() != s.Tally() || cs.Chunks() != s.Chunks() || cs.Meta() != s.Meta() {
			t.Fatalf("cut up: %q %q %+v\nat once: %q %q %+v", cut, cutCode, cs.Tally(), atOnce, code, s.Tally())
		}
		if got := s.Tally(); got.Completion < 0 || got.Completion > opt.Max.Completion || got.Prompt < 0 {
			t.Fatalf("tally %+v", got)
		}
		if !s.Started() && atOnce != "" {
			t.Fatalf("shown before it has started: %q", atOnce)
		}
	})
}

func BenchmarkStream(b *testing.B) {
	for _, n := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("%d_events_a_read", n), func(b *testing.B) {
			s := NewStream(Options{Limit: 1 << 20, Model: "m"})
			s.Feed(nil, []byte(roleEvent))
			p := bytes.Repeat([]byte(tokenEvent), n)
			var dst []byte
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = s.Feed(dst[:0], p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
