package relay

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/task"
)

// TestNoEvasion is the list of what a miner can do to keep an answer from being
// checked, or to have work and time measured otherwise than they are. Each ends
// as a failure, or with every byte kept for the check.
func TestNoEvasion(t *testing.T) {
	const (
		streamHead = eventStream + "\r\n" // to the connection's end
		wholeHead  = "HTTP/1.1 200 OK\r\n\r\n"
		small      = `{"choices":[{"delta":{"content":"hi"},"token_ids":[7]}]`
		body       = token + token + last + closed
	)
	comments := func(n int) string { return strings.Repeat(": "+strings.Repeat("x", 1020)+"\n\n", n>>10) }
	framed := func(n int) string { return strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\n:\r\n", n>>10) }
	tests := []struct {
		name   string
		stream bool
		head   string
		body   string
		reason string // "" is OK, with all of the body kept
	}{
		{"nothing wrong", true, streamHead, body, ""},
		{"comments before", true, streamHead, comments(5<<20) + body, "too_large"},
		{"comments between tokens", true, streamHead, token + comments(5<<20) + token + last + closed, "too_large"},
		{"comments before the finish", true, streamHead, token + token + comments(5<<20) + last + closed, "too_large"},
		{"comments before the end", true, streamHead, token + token + last + comments(5<<20) + closed, "too_large"},
		{"few comments", true, streamHead, comments(100<<10) + body, ""},
		{"spaces in an event", true, streamHead, strings.Repeat("data: "+strings.Repeat(" ", 900<<10)+small+"}\n\n", 5) + last + closed, "too_large"},
		{"a field nobody knows", true, streamHead, strings.Repeat("data: "+small+`,"x":"`+strings.Repeat("x", 900<<10)+"\"}\n\n", 5) + last + closed, "too_large"},
		{"a small field nobody knows", true, streamHead, "data: " + small + `,"x":"` + strings.Repeat("x", 100<<10) + "\"}\n\n" + token + last + closed, ""},
		{"fields that are no data", true, streamHead, strings.Repeat("id: 1\nretry: 5\n", 400<<10) + body, "too_large"},
		{"empty lines", true, streamHead, strings.Repeat("\n", 5<<20) + body, "too_large"},
		{"an event too long", true, streamHead, "data: " + strings.Repeat(" ", 1<<20) + small + "}\n\n", "too_large|event_too_long"},
		{"chunk extensions", true, eventStream + "Transfer-Encoding: chunked\r\n\r\n", framed(5 << 20), "too_large"},
		{"events without output", true, streamHead, strings.Repeat("data: {\"choices\":[]}\n\n", 200<<10) + body, "too_large"},
		{"chunks of usage after the finish", true, streamHead, token + token + last + strings.Repeat("data: {\"choices\":[],\"usage\":{}}\n\n", 200<<10) + closed, "too_large"},
		{"more tokens than asked for", true, streamHead, strings.Repeat(token, 101) + last + closed, "too_many_tokens"},
		{"a second choice", true, streamHead, "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}},{\"delta\":{\"content\":\"ho\"}}]}\n\n" + body, "malformed_event"},
		{"output after the finish", true, streamHead, token + token + last + token + closed, "after_finish"},
		{"no finish", true, streamHead, token + token + closed, "truncated"},
		{"no end", true, streamHead, token + token + last, "truncated"},
		{"an error at the end", true, streamHead, token + token + "data: {\"error\":{}}\n\n", "upstream_error"},
		{"no ids", true, streamHead, strings.ReplaceAll(body, `,"token_ids":[7]`, ""), ""},
		{"ids that mean nothing", true, streamHead, strings.ReplaceAll(body, "[7]", "[999999999]"), ""},
		{"another model's name", true, streamHead, strings.ReplaceAll(body, `{"choices"`, `{"model":"x","choices"`), ""},
		{"work that is only claimed", true, streamHead, token + token + strings.TrimSuffix(last, "}\n\n") + ",\"usage\":{\"completion_tokens\":90}}\n\n" + closed, ""},
		{"compressed", true, eventStream + "Content-Encoding: gzip\r\n\r\n", body, "malformed_http"},
		{"informed for ever", true, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 1000), "", "malformed_http"},
		{"a whole answer", false, wholeHead, answer, ""},
		{"a padded answer", false, wholeHead, answer[:1] + strings.Repeat(" ", 90<<10) + answer[1:], ""},
		{"an answer padded beyond what is kept", false, wholeHead, answer[:1] + strings.Repeat(" ", 110<<10) + answer[1:], "too_large"},
		{"a padded answer's framing", false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", framed(400 << 10), "too_large"},
		{"work that a whole answer claims", false, wholeHead, answer, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
				request(r)
				io.WriteString(c, tt.head+tt.body)
			})
			c := newClient(t, func(c *Config) { c.MaxResponse = 100 << 10 })
			a := c.Do(t.Context(), newCall(t, c, addr, tt.stream), &shown{})
			o := a.Outcome
			if tt.reason == "" {
				if o.Status != outcome.OK || string(a.Kept) != tt.body {
					t.Fatalf("%v %q (%v), %d bytes kept of %d", o.Status, o.Reason, a.Err, len(a.Kept), len(tt.body))
				}
				if o.Work != 2 {
					t.Errorf("work %d, want 2", o.Work)
				}
				return
			}
			if o.Status != outcome.Failed || !strings.Contains("|"+tt.reason+"|", "|"+o.Reason+"|") {
				t.Errorf("%v %q (%v), want a failure for %s", o.Status, o.Reason, a.Err, tt.reason)
			}
		})
	}
}

// TestFloodsEnd has miners that never stop sending what is no output: they are
// given up for its amount, long before any deadline.
func TestFloodsEnd(t *testing.T) {
	for name, flood := range map[string]string{
		"comments":         strings.Repeat(": x\n", 1<<10),
		"roles":            strings.Repeat("data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n", 100),
		"an endless event": strings.Repeat("x", 4<<10),
	} {
		for _, before := range []string{"", token} {
			t.Run(fmt.Sprintf("%s after %d bytes", name, len(before)), func(t *testing.T) {
				addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
					request(r)
					_, err := io.WriteString(c, eventStream+"\r\n"+before)
					for err == nil {
						_, err = io.WriteString(c, flood)
					}
				})
				c := newClient(t)
				call := newCall(t, c, addr, true)
				call.FirstBy = time.Now().Add(time.Hour)
				call.By = call.FirstBy
				patient := *chatTask
				patient.Timeouts.Gap = time.Hour
				call.Task, call.Request = &patient, longRequest(t, 1<<20) // so that the bound of the whole is far
				o := c.Do(t.Context(), call, &shown{}).Outcome
				if o.Status != outcome.Failed || o.Reason != "too_large" && o.Reason != "event_too_long" {
					t.Errorf("%v %q", o.Status, o.Reason)
				}
			})
		}
	}
}

// A miner that claims a longer prompt than was sent is believed only what the prompt may have had, streamed or not: what a
// beacon grants for long prompts cannot be had by a claim.
func TestClaimedPromptsAreBounded(t *testing.T) {
	ids := strings.TrimSuffix(strings.Repeat("1,", 20_000), ",")
	for _, streamed := range []bool{true, false} {
		c := newClient(t)
		addr := serve(t, func(_ int, conn net.Conn, r *bufio.Reader) {
			if request(r) == nil {
				return
			}
			if streamed {
				first := strings.Replace(token, `{"choices"`, `{"prompt_token_ids":[`+ids+`],"choices"`, 1)
				io.WriteString(conn, eventStream+chunked(first, token, last, closed))
				return
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+sized(strings.Replace(answer, "[1,2,3]", "["+ids+"]", 1)))
		})
		call := newCall(t, c, addr, streamed)
		a := c.Do(t.Context(), call, &shown{})
		if most := task.MostPrompt(call.Request); a.Outcome.Status != outcome.OK || a.Outcome.PromptWork <= 0 || a.Outcome.PromptWork > most {
			t.Errorf("streamed %v: %v %s, a prompt of %d tokens, want %d at most", streamed, a.Outcome.Status, a.Outcome.Reason, a.Outcome.PromptWork, most)
		}
	}
}
