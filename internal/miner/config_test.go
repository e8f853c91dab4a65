package miner

import (
	"fmt"
	"strings"
	"testing"
)

// Mistakes name the server and what is wrong with its URL, and tell no password.
func TestServersURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1:8000":              "",
		"localhost:8000":                     `servers[0].url: "localhost:8000" is not a URL such as http://127.0.0.1:8000`,
		"ftp://me:secret@127.0.0.1":          "servers[0].url: is not a URL such as http://127.0.0.1:8000",
		"http://me:sec%ret@127.0.0.1":        "servers[0].url: is not a URL such as http://127.0.0.1:8000",
		"https://me:secret@127.0.0.1/v1/":    `servers[0].url: "https://me:xxxxx@127.0.0.1/v1/" ends in /v1: leave that out, it is added`,
		"http://me:secret@127.0.0.1/models/": "",
	} {
		c := Defaults()
		c.Servers = []Server{{Name: "one", URL: url, Engine: "vllm"}}
		var said []string
		c.Check(func(field, format string, args ...any) {
			if strings.HasPrefix(field, "servers") {
				said = append(said, field+": "+fmt.Sprintf(format, args...))
			}
		})
		if got := strings.Join(said, "; "); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}
