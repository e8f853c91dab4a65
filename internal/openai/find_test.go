package openai

import "testing"

func TestFindText(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"a"}`: "a",
		` { "messages" : [{"model":"b"}], "model" : "a\u0062" , "x"`: "ab",
		`{"model":1}`:           "",
		`{"model":`:             "",
		`{"model":"a`:           "",
		`{"x":{"model":"a"}`:    "",
		`{"x":tru,"model":"a"}`: "",
		`["model","a"]`:         "",
		``:                      "",
	} {
		if got, _ := FindText([]byte(body), "model"); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
