package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	recent "vision/internal/openai/responses"

	"vision/internal/apikey"
)

// remembering has responses remembered, and a key of somebody else's.
func remembering(c *Config) {
	c.Responses = Responses{Memory: 1 << 20, Keep: time.Hour}
	s := c.Keys.(*fakeStore)
	s.keys = append(s.keys, apikey.Key{ID: 8, Name: "another's", Hash: apikey.HashOf(otherSecret)},
		apikey.Key{ID: 9, Root: 7, Name: "the next in its place", Hash: apikey.HashOf(nextSecret)})
}

const (
	otherSecret = "sk-another-customer-of-the-tests"
	nextSecret  = "sk-the-next-key-of-that-customer"
)

// conversation is what the miner was asked last, as roles and contents.
func (f *sdkFixture) conversation() (text []string) {
	f.miner.mu.Lock()
	defer f.miner.mu.Unlock()
	for _, m := range f.miner.payloads[len(f.miner.payloads)-1]["messages"].([]any) {
		m := m.(map[string]any)
		what := m["content"]
		if m["tool_calls"] != nil {
			what = "calls"
		}
		if parts, ok := what.([]any); ok {
			what = parts[0].(map[string]any)["text"]
		}
		text = append(text, fmt.Sprint(m["role"], ": ", what))
	}
	return text
}

func TestSDKGoesOnFromResponses(t *testing.T) {
	f := withSDK(t, remembering)
	p := respond("What is the weather?")
	p.Instructions = openai.String("Be brief.")
	p.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("weather", map[string]any{"type": "object"}, true)}
	first, err := f.Responses.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	result := responses.ResponseInputItemUnionParam{OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{
		CallID: openai.String("t1"), Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: openai.String("rain")}}}
	p = respond("")
	p.PreviousResponseID = openai.String(first.ID)
	p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{result}}
	second, err := f.Responses.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if second.PreviousResponseID != first.ID {
		t.Errorf("goes on from %q", second.PreviousResponseID)
	}
	want := "user: What is the weather?; assistant: calls; tool: rain"
	if got := strings.Join(f.conversation(), "; "); got != want {
		t.Errorf("the miner was asked %s", got)
	}

	// On from that, streamed; and on from the stream.
	p = respond("And now?")
	p.PreviousResponseID = openai.String(second.ID)
	var last responses.ResponseStreamEventUnion
	s := f.Responses.NewStreaming(t.Context(), p)
	for s.Next() {
		last = s.Current()
	}
	if s.Err() != nil || last.Type != "response.completed" || last.Response.PreviousResponseID != second.ID {
		t.Fatalf("%v, %s", s.Err(), last.RawJSON())
	}
	p = respond("And then?")
	p.PreviousResponseID = openai.String(last.Response.ID)
	if _, err := f.Responses.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	want += "; assistant: Good day; user: And now?; assistant: One two three; user: And then?"
	if got := strings.Join(f.conversation(), "; "); got != want {
		t.Errorf("the miner was asked %s", got)
	}

	// Items by their ids, as the Vercel SDK sends them.
	p = respond("")
	p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage("Weather?", responses.EasyInputMessageRoleUser),
		responses.ResponseInputItemParamOfItemReference(first.Output[0].ID), result,
		responses.ResponseInputItemParamOfItemReference(last.Response.Output[0].ID),
		responses.ResponseInputItemParamOfMessage("Go on.", responses.EasyInputMessageRoleUser),
	}}
	if _, err := f.Responses.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	want = "user: Weather?; assistant: calls; tool: rain; assistant: One two three; user: Go on."
	if got := strings.Join(f.conversation(), "; "); got != want {
		t.Errorf("the miner was asked %s", got)
	}

	// A response can be had again, and dropped.
	again, err := f.Responses.Get(t.Context(), first.ID, responses.ResponseGetParams{})
	if err != nil || again.RawJSON() != first.RawJSON() {
		t.Errorf("%v: %s\nwas %s", err, again.RawJSON(), first.RawJSON())
	}
	if again, err = f.Responses.Get(t.Context(), last.Response.ID, responses.ResponseGetParams{}); err != nil || again.RawJSON() != last.Response.RawJSON() {
		t.Errorf("%v: %s\nwas %s", err, again.RawJSON(), last.Response.RawJSON())
	}
	if err := f.Responses.Delete(t.Context(), first.ID); err != nil {
		t.Error(err)
	}
	var e *openai.Error
	if _, err = f.Responses.Get(t.Context(), first.ID, responses.ResponseGetParams{}); !errors.As(err, &e) || e.StatusCode != 404 || e.Code != "response_not_found" {
		t.Errorf("a response that was deleted: %v", err)
	}
}

// A response is for the key that asked for it, and for those made in its place.
func TestAnothersResponse(t *testing.T) {
	f := serve(t, remembering, ok(2))
	made := f.do(t, "POST", responsesPath, `{"model":"talker-8b","input":"a private matter"}`)
	var r struct {
		ID     string
		Output []struct{ ID string }
		Store  bool
	}
	if err := json.Unmarshal([]byte(made.body), &r); err != nil || !r.Store {
		t.Fatal(err, made.body)
	}
	goOn := fmt.Sprintf(`{"model":"talker-8b","input":"x","previous_response_id":%q}`, r.ID)
	refer := fmt.Sprintf(`{"model":"talker-8b","input":[{"type":"item_reference","id":%q}]}`, r.Output[0].ID)
	for key, known := range map[string]bool{secret: true, nextSecret: true, otherSecret: false, "sk-nobody-of-the-tests-000000000": false} {
		for _, ask := range [][3]string{{"GET", responsesPath + "/" + r.ID}, {"POST", responsesPath, goOn}, {"POST", responsesPath, refer}} {
			if got := f.do(t, ask[0], ask[1], ask[2], "Authorization", "Bearer "+key); (got.status == 200) != known || !known && strings.Contains(got.body, "private matter") {
				t.Errorf("%s %s %s with %s: %d %s", ask[0], ask[1], ask[2], key, got.status, got.body)
			}
		}
	}
	if got := f.do(t, "DELETE", responsesPath+"/"+r.ID, "", "Authorization", "Bearer "+otherSecret); got.status != 404 {
		t.Errorf("somebody else deletes it: %d %s", got.status, got.body)
	}
	if got := f.do(t, "DELETE", responsesPath+"/"+r.ID, ""); got.status != 200 || got.body != `{"id":"`+r.ID+`","object":"response","deleted":true}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	if strings.Contains(f.log.String(), "private matter") {
		t.Error("it is in the log")
	}
}

func TestNotRemembered(t *testing.T) {
	f := serve(t, remembering, ok(2))
	for name, body := range map[string]string{
		"whole":    `{"model":"talker-8b","input":"x","store":false}`,
		"streamed": `{"model":"talker-8b","input":"x","store":false,"stream":true}`,
	} {
		if r := f.do(t, "POST", responsesPath, body); r.status != 200 || !strings.Contains(r.body, `"store":false`) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	f.store.fails(errors.New("disk full"), nil)
	for _, body := range []string{`{"model":"talker-8b","input":"x"}`, `{"model":"talker-8b","input":"x","stream":true}`} {
		f.do(t, "POST", responsesPath, body)
	}
	if n := f.recent.Len(); n != 0 {
		t.Errorf("%d responses are remembered that were not to be, or have failed", n)
	}
	f.store.fails(nil, nil)
	f.do(t, "POST", responsesPath, `{"model":"talker-8b","input":"x"}`)
	if n := f.recent.Len(); n != 1 {
		t.Errorf("%d responses are remembered, want 1", n)
	}

	off := serve(t, nil, ok(2))
	if r := off.do(t, "POST", responsesPath, `{"model":"talker-8b","input":"x","store":true}`); !strings.Contains(r.body, `"store":false`) {
		t.Errorf("nothing is remembered, but shown as stored: %s", r.body)
	}
}

// Whoever asks again with an idempotency key gets the first answer, though what
// the request refers to is forgotten meanwhile.
func TestAskedAgainOnceForgotten(t *testing.T) {
	b := claiming(t, ok(4))
	b.recent = recent.NewRecent(1<<20, time.Hour)
	made := b.do(t, "POST", responsesPath, `{"model":"talker-8b","input":"x"}`)
	var r struct{ ID string }
	json.Unmarshal([]byte(made.body), &r)
	body := fmt.Sprintf(`{"model":"talker-8b","input":"x","previous_response_id":%q}`, r.ID)
	first := b.do(t, "POST", responsesPath, body, idempotencyHeader, "order-1")
	b.do(t, "DELETE", responsesPath+"/"+r.ID, "")
	again := b.do(t, "POST", responsesPath, body, idempotencyHeader, "order-1")
	if first.status != 200 || again.status != 200 || first.body != again.body || again.header.Get("X-Idempotent-Replay") != "true" || len(b.receipts()) != 2 {
		t.Errorf("%d %s\nand again\n%d %s; %d receipts", first.status, first.body, again.status, again.body, len(b.receipts()))
	}
	// With a key that is not known it is refused, and the key free again.
	for range 2 {
		r := b.do(t, "POST", responsesPath, body, idempotencyHeader, "order-2")
		if e := r.failure(t); r.status != http.StatusBadRequest || e.Code != "previous_response_not_found" || e.Param != "previous_response_id" {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}
