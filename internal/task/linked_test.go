package task

import (
	"testing"

	"vision/internal/openai"
)

// What is embedded stands exactly where the link stood, however deep, escaped
// or repeated it was.
func TestEmbedReplacesLinksWhereTheyStand(t *testing.T) {
	store := make([]byte, 0, 4096) // a gateway's body has room behind it
	body := append(store, `{"a":"https://x/y", "b" : ["no",{"url":"HTTP:\/\/h/é\"q"}],"c":"see https://x/y"}`...)
	p := parsing{body: body, r: &request{}}
	members, err := openai.Members(body)
	if err != nil {
		t.Fatal(err)
	}
	note := func(v []byte, want bool) {
		t.Helper()
		if got, err := p.link("image", v); got != want || err != nil {
			t.Fatalf("link(%s) = %v, %v", v, got, err)
		}
	}
	note(members[0].Value, true)
	for e := range openai.Elements(members[1].Value) {
		if openai.IsString(e) {
			note(e, false)
			continue
		}
		inner, err := openai.ObjectMembers(e, "b")
		if err != nil {
			t.Fatal(err)
		}
		note(inner[0].Value, true)
	}
	note(members[2].Value, false)
	if got := p.r.Links()[1].URL; got != `HTTP://h/é"q` {
		t.Errorf("the second link is %q", got)
	}
	got := string(Embed(body, p.r.Links(), [][]byte{[]byte("\xff\xd8\xff"), []byte("zz")}))
	want := `{"a":"data:image/jpeg;base64,/9j/", "b" : ["no",{"url":"data:application/octet-stream;base64,eno="}],"c":"see https://x/y"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
