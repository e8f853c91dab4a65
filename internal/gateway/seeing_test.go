package gateway

import (
	"bytes"
	"fmt"
	"testing"

	"vision/internal/task"
)

// A picture in a conversation is sent alike by either API, as itself or as a link.
func TestPicturesInConversations(t *testing.T) {
	f := serve(t, func(c *Config) {
		all := tasks()
		all[0].Model.Images = true
		catalogue, err := task.NewCatalogue(all)
		if err != nil {
			t.Fatal(err)
		}
		c.Catalogue = func() *task.Catalogue { return catalogue }
		c.Fetcher = links{"https://example.com/p.png": photo}
	}, ok(3))
	chat := func(url string) string {
		return fmt.Sprintf(`{"model":"talker-8b","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":%q,"detail":"low"}}]}]}`, url)
	}
	response := func(url string) string {
		return fmt.Sprintf(`{"model":"talker-8b","instructions":"s","input":[{"role":"user","content":[{"type":"input_text","text":"what?"},{"type":"input_image","image_url":%q,"detail":"low"}]}]}`, url)
	}
	for _, send := range [][]string{
		{chatPath, chat(dataURL(photo))}, {chatPath, chat("https://example.com/p.png")},
		{responsesPath, response(dataURL(photo))}, {responsesPath, response("https://example.com/p.png")},
	} {
		if r := f.do(t, "POST", send[0], send[1]); r.status != 200 {
			t.Fatalf("%.100s: %d %s", send[1], r.status, r.body)
		}
	}
	calls := f.relay.called()
	for i, c := range calls {
		if !bytes.Equal(c.Payload, calls[0].Payload) || !bytes.Contains(c.Payload, []byte(dataURL(photo))) {
			t.Errorf("request %d: miners are sent %.300s", i, c.Payload)
		}
	}
	for path, body := range map[string]string{chatPath: chat("https://example.com/none.png"), responsesPath: response("https://example.com/none.png")} {
		r := f.do(t, "POST", path, body)
		want := map[string]string{chatPath: "messages[1].content[1].image_url", responsesPath: "input"}[path]
		if e := r.failure(t); r.status != 400 || e.Param != want {
			t.Errorf("%s: %d %+v, want it about %q", path, r.status, e, want)
		}
	}
}
