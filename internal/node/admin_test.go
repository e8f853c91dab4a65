package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheAdminTokenMustBeASecret(t *testing.T) {
	good := strings.Repeat("t", 32)
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string // "" if it is taken
	}{
		"good":             {good + "\n", 0o600, ""},
		"read-only":        {good, 0o400, ""},
		"short":            {good[1:] + "\n", 0o600, "holds 31 characters, want at least 32"},
		"empty":            {"", 0o600, "holds 0 characters"},
		"group may read":   {good, 0o640, "chmod 600"},
		"others may read":  {good, 0o604, "chmod 600"},
		"others may write": {good, 0o602, "chmod 600"},
	} {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := readToken(file)
		if c.want == "" && (err != nil || got != good) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), good[1:]) {
			t.Errorf("%s: the error tells the token: %v", name, err)
		}
	}
	if _, err := readToken(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "openssl rand") {
		t.Errorf("without a file: %v", err)
	}
}

func TestAdminConfig(t *testing.T) {
	for c, want := range map[AdminConfig]string{
		{}: "",
		{Listen: "127.0.0.1:9091", TokenFile: "t"}: "",
		{Listen: "127.0.0.1:9091"}:                 "admin.token_file is missing",
		{TokenFile: "t"}:                           "admin.listen is empty",
		{Listen: "9091", TokenFile: "t"}:           "admin.listen \"9091\" is not an address",
	} {
		got := ""
		c.check(func(field, format string, args ...any) { got += field + " " + fmt.Sprintf(format, args...) })
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}
