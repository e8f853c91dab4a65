package responses

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/fault"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// asks has a request answered, whole or streamed, and remembered.
func asks(t testing.TB, past Past, id, body, answer string) *Call {
	t.Helper()
	c, err := Read([]byte(body), past)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if !c.Stream {
		c.Remember(id, c.Answer([]byte(`{"choices":[{"message":`+answer+`,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`), id, 7, "m"), past.Now)
		return c
	}
	s := c.NewStream(id, 7, "m")
	s.Feed(nil, []byte(`data: {"choices":[{"delta":`+answer+`,"finish_reason":"stop"}]}`+"\n\n"))
	s.End(nil, Usage{1, 1})
	c.Remember(id, s.Whole(), past.Now)
	return c
}

func TestGoingOn(t *testing.T) {
	for _, stream := range []string{"", `,"stream":true`} {
		past := Past{Recent: NewRecent(1<<20, time.Hour), Owner: 1, Now: noon, Most: 1 << 20}
		asks(t, past, "req-a", `{"instructions":"be brief","input":"weather?"`+stream+`}`,
			`{"content":"let me see","reasoning":"hm","tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{\"x\":1}"}}]}`)
		const want = `{"messages":[{"role":"user","content":"weather?"},
			{"role":"assistant","content":[{"type":"text","text":"let me see"}],"tool_calls":[{"type":"function","id":"c1","function":{"name":"f","arguments":"{\"x\":1}"}}]},
			{"role":"tool","tool_call_id":"c1","content":"rain"}`
		result := `{"type":"function_call_output","call_id":"c1","output":"rain"}`

		// By the response's id; its instructions are not those of the next.
		c := asks(t, past, "req-b", `{"previous_response_id":"resp_req-a","input":[`+result+`]}`, `{"content":"wet"}`)
		sameJSON(t, string(c.Chat), want+`]}`)
		if shown := string(past.Recent.Get(1, "resp_req-b", noon)); !strings.Contains(shown, `"previous_response_id":"resp_req-a"`) || !strings.Contains(shown, `"store":true`) {
			t.Errorf("shown as %s", shown)
		}

		// By the items' ids, the reasoning's too.
		c, err := Read([]byte(`{"input":[{"role":"user","content":"weather?"},{"type":"item_reference","id":"rs_req-a_0"},
			{"type":"item_reference","id":"msg_req-a_1"},{"id":"fc_req-a_2"},`+result+`]}`), past)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, string(c.Chat), want+`]}`)

		// And on from what went on.
		c, err = Read([]byte(`{"previous_response_id":"resp_req-b","input":"and now?"}`), past)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, string(c.Chat), want+`,{"role":"assistant","content":[{"type":"text","text":"wet"}]},{"role":"user","content":"and now?"}]}`)
	}
}

func TestNotRemembered(t *testing.T) {
	past := Past{Recent: NewRecent(1<<20, time.Hour), Owner: 1, Now: noon, Most: 1 << 20}
	asks(t, past, "req-a", `{"input":"x"}`, `{"content":"y"}`)
	c := asks(t, past, "req-no", `{"input":"x","store":false}`, `{"content":"y"}`)
	if c.Store || past.Recent.Get(1, "resp_req-no", noon) != nil {
		t.Error("a response is remembered that was not to be")
	}
	other, late, tight := past, past, past
	other.Owner = 2
	late.Now = noon.Add(time.Hour)
	tight.Most = 10
	for name, c := range map[string]struct {
		past              Past
		response, message string
		kind              fault.Kind
	}{
		"another's":        {other, "resp_req-a", "msg_req-a_0", fault.NotFound},
		"nothing is":       {Past{}, "resp_req-a", "msg_req-a_0", fault.NotFound},
		"not to be stored": {past, "resp_req-no", "msg_req-no_0", fault.NotFound},
		"of another kind":  {past, "msg_req-a_0", "rs_req-a_0", fault.NotFound},
		"a number too far": {past, "req-a", "msg_req-a_1", fault.NotFound},
		"no number":        {past, "", "msg_req-a_-1", fault.NotFound},
		"too much":         {tight, "resp_req-a", "msg_req-a_0", fault.TooLarge},
		"expired":          {late, "resp_req-a", "msg_req-a_0", fault.NotFound},
	} {
		var e *fault.Error
		_, err := Read(fmt.Appendf(nil, `{"input":"x","previous_response_id":%q}`, c.response), c.past)
		if !errors.As(err, &e) || e.Param != "previous_response_id" || c.kind == fault.NotFound && (e.Kind != fault.Invalid || e.Code != NoPrevious) {
			t.Errorf("%s: %v (%+v)", name, err, e)
		}
		_, err = Read(fmt.Appendf(nil, `{"input":[{"role":"user","content":"x"},{"type":"item_reference","id":%q}]}`, c.message), c.past)
		if !errors.As(err, &e) || e.Param != "input[1]" || e.Kind != c.kind || c.kind == fault.NotFound && e.Code != NoItem {
			t.Errorf("%s: %v (%+v)", name, err, e)
		}
		if c.past == late { // found to be expired, it is no longer held
			if r := past.Recent; r.bytes != 0 || len(r.by) != 0 || len(r.owners) != 0 {
				t.Errorf("%d bytes of %d responses are held though all are expired", r.bytes, len(r.by))
			}
			asks(t, past, "req-a", `{"input":"x"}`, `{"content":"y"}`)
		}
	}
}

// What is too large to be remembered with what it answered is without.
func TestLargeInput(t *testing.T) {
	past := Past{Recent: NewRecent(64<<10, time.Hour), Owner: 1, Now: noon, Most: 1 << 20}
	asks(t, past, "req-a", `{"input":"`+strings.Repeat("x", 4<<10)+`"}`, `{"content":"y"}`)
	_, err := Read([]byte(`{"input":"x","previous_response_id":"resp_req-a"}`), past)
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != NoPrevious || !strings.Contains(e.Message, "too large") {
		t.Errorf("%v", err)
	}
	if _, err := Read([]byte(`{"input":[{"type":"item_reference","id":"msg_req-a_0"}]}`), past); err != nil {
		t.Error(err)
	}
	asks(t, past, "req-b", `{"input":"x"}`, `{"content":"`+strings.Repeat("y", 8<<10)+`"}`)
	if past.Recent.Get(1, "resp_req-b", noon) != nil {
		t.Error("a response larger than its share is remembered")
	}
}

// Whatever is done, the memory is within its bounds, gives to an owner nothing
// but what is his, nothing of the past beyond its time, and what was used last
// if it is small.
func TestRecentIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 64 << 10
		r := NewRecent(most, time.Minute)
		type at struct {
			owner int64
			id    string
		}
		put := map[at]string{}
		used := map[at]time.Time{}
		now := noon
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			k := at{rapid.Int64Range(1, 3).Draw(t, "owner"), fmt.Sprint("resp_", rapid.IntRange(0, 30).Draw(t, "id"))}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				object := fmt.Sprintf(`{"of":%d,"id":%q,"output":[{"id":"msg_1_0"}],"text":%q}`, k.owner, k.id, strings.Repeat("x", rapid.IntRange(0, 6<<10).Draw(t, "bytes")))
				r.Delete(k.owner, k.id, now) // ids are given once
				delete(put, k)
				r.put(k.owner, k.id, []byte(object), make([]byte, rapid.IntRange(0, 6<<10).Draw(t, "input")), now)
				switch got := r.Get(k.owner, k.id, now); {
				case got != nil:
					put[k], used[k] = object, now
				case keptOverhead+len(object)+100 < most/16:
					t.Fatal("what was just put is not there")
				}
			case 2:
				got := r.Get(k.owner, k.id, now)
				switch {
				case got == nil:
					delete(put, k)
				case string(got) != put[k]:
					t.Fatalf("%v is %.60s, not %.60s", k, got, put[k])
				case now.Sub(used[k]) >= time.Minute:
					t.Fatalf("%v was used %v ago", k, now.Sub(used[k]))
				default:
					used[k] = now
				}
			case 3:
				_, known := put[k]
				known = known && r.by[keptID(k)] != nil && now.Sub(used[k]) < time.Minute
				if r.Delete(k.owner, k.id, now) != known || r.Get(k.owner, k.id, now) != nil {
					t.Fatal("deleted, or not, against what is known")
				}
				delete(put, k)
			}
			var bytes int64
			of := map[int64]int64{}
			for id, k := range r.by {
				bytes += k.size
				of[id.owner] += k.size
				if int64(len(k.object)+len(k.input)) > k.size || k.size > most/16 {
					t.Fatalf("%v counts for %d", id, k.size)
				}
			}
			if bytes != r.bytes || bytes > most || r.all.Len() != len(r.by) || len(of) != len(r.owners) {
				t.Fatalf("%d bytes are counted of %d, in %d and %d responses of %d owners", r.bytes, bytes, r.all.Len(), len(r.by), len(r.owners))
			}
			for owner, n := range of {
				if r.owners[owner].bytes != n || n > most/4 {
					t.Fatalf("the owner %d has %d bytes, counted as %d", owner, n, r.owners[owner].bytes)
				}
			}
		}
		r.Expire(now.Add(time.Minute))
		if r.bytes != 0 || len(r.by) != 0 {
			t.Fatalf("%d bytes outlive their time", r.bytes)
		}
	})
}

// A flood from one owner does not push out another's.
func TestOneOwnersFlood(t *testing.T) {
	r := NewRecent(64<<10, time.Hour)
	r.put(1, "resp_1", []byte(`{}`), nil, noon)
	for i := range 1000 {
		r.put(2, fmt.Sprint("resp_", i), []byte(`{"a":"`+strings.Repeat("x", 1000)+`"}`), nil, noon)
	}
	if r.Get(1, "resp_1", noon) == nil {
		t.Error("pushed out")
	}
	if r.Get(2, "resp_999", noon) == nil || r.Get(2, "resp_0", noon) != nil {
		t.Error("not the oldest of an owner's go first")
	}
}
