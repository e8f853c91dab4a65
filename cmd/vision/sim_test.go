package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vision/internal/sim"
)

func TestSimulations(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	grid := filepath.Join(t.TempDir(), "grid.html")
	nowhere := filepath.Join(t.TempDir(), "none", "page.html")
	small := []string{"--miners", "6", "--periods", "4", "--tasks", "2", "--seeds", "1", "--demand", "0.1"}
	for _, c := range []struct {
		args []string
		code int
		want string // in what is printed
	}{
		{append([]string{"sim", "table", "--strategy", "declare-5", "--html", page}, small...), exitOK, "declare-5"},
		{append([]string{"sim", "sweep", "--parameter", "power", "--values", "0.1,0.2", "--strategy", "cheap", "--json"}, small...), exitOK, `"columns"`},
		{append([]string{"sim", "ablate", "--strategy", "cheap"}, small...), exitOK, "no caution     the mean of what was shown is paid"},
		{append([]string{"sim", "sensitivity", "--only", "kappa,growth", "--strategy", "cheap", "--html", grid}, small...), exitOK, "kappa 80"},
		{append([]string{"sim", "sensitivity", "--only", "kapa"}, small...), exitUsage, `no parameter "kapa"`},
		{[]string{"sim", "list"}, exitOK, "beacon-only"},
		{[]string{"sim", "table", "--miners", "1"}, exitUsage, "1 miners, want 4 to 4096"},
		{[]string{"sim", "table", "--strategy", "nobody"}, exitUsage, `no strategy or family "nobody"`},
		{[]string{"sim", "sweep", "--parameter", "power", "--values", "1", "--strategy", ""}, exitUsage, `no strategy or family ""`},
		{[]string{"sim", "table", "--mechanism", "vision5"}, exitUsage, `no mechanism "vision5"`},
		{[]string{"sim", "table", "--set", "kappa"}, exitUsage, `"kappa" is not NAME=NUMBER`},
		{[]string{"sim", "table", "--power", "2"}, exitUsage, "power is 2, want 0 to 1"},
		{[]string{"sim", "table", "--seeds", "0"}, exitUsage, "--seeds is 0"},
		{[]string{"sim", "sweep"}, exitUsage, "say --parameter and --values"},
		{[]string{"sim", "sweep", "--parameter", "power", "--values", "x"}, exitUsage, `"x" is no number`},
		{[]string{"sim", "table", "--html", nowhere}, exitUsage, "--html: open "}, // at once, not after all was played
		{[]string{"sim", "ablate", "--html", nowhere}, exitUsage, "--html: open "},
		{[]string{"sim", "search", "--html", nowhere}, exitUsage, "--html: open "},
		{[]string{"sim", "table", "--mechanism", "vision4", "--set", "kappa=3"}, exitUsage, "--set changes vision7, and --mechanism is vision4"},
		{[]string{"sim", "table", "--mechanism", "vision4", "--check"}, exitUsage, "--check checks claims of vision7, and --mechanism is vision4"},
		{[]string{"sim", "table", "--mechanism", "vision4,vision7", "--set", "kapa=3"}, exitUsage, `--set: vision7 has no parameter "kapa"; did you mean "kappa"?`},
		{[]string{"sim", "sensitivity", "--set", "kappa=1e9"}, exitUsage, "kappa is 1e+09, want 0 to 1000"},
		{[]string{"sim", "sweep", "--parameter", "kapa", "--values", "1"}, exitUsage, `there is no "kapa" to turn; of the world there are power`},
		{[]string{"sim", "sweep", "--parameter", "kappa", "--values", "10,1e9"}, exitUsage, "--parameter kappa at 1e+09: vision7: kappa is 1e+09, want 0 to 1000"},
		{[]string{"sim", "sweep", "--parameter", "power", "--values", "0.1,2"}, exitUsage, "power is 2, want 0 to 1"},
		{[]string{"sim", "sweep", "--parameter", "declare", "--values", "-1"}, exitUsage, "declare is -1, want above 0"},
		{[]string{"sim", "sweep", "--parameter", "kappa", "--values", "10", "--mechanism", "vision4"}, exitUsage, "vision4 has no parameters"},
		{[]string{"sim", "search", "--tries", "1"}, exitUsage, "--tries is 1"},
	} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), c.args, nil, &out, &errs); code != c.code || !strings.Contains(out.String()+errs.String(), c.want) {
			t.Errorf("%v: code %d, want %d and %q:\n%s%s", c.args, code, c.code, c.want, out.String(), errs.String())
		}
	}
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("<svg")) {
		t.Errorf("the page: %v, %d bytes", err, len(b))
	}
	if b, err := os.ReadFile(grid); err != nil || bytes.Count(b, []byte("<circle"))+bytes.Count(b, []byte("<path")) != 3 || bytes.Contains(b, []byte("networks of 0 miners")) {
		t.Errorf("the page of kappa as it is, 20 and 80, without growth, which neither halved nor doubled is allowed: %v, %d bytes", err, len(b))
	}
	var out, errs bytes.Buffer
	if code := run(context.Background(), append([]string{"sim", "table", "--strategy", "honest", "--json"}, small...), nil, &out, &errs); code != exitOK {
		t.Fatal(errs.String())
	}
	var report sim.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || len(report.Rows) != 1 || report.Rows[0].Profit[0].Mean == 0 {
		t.Errorf("the JSON: %v, %+v", err, report)
	}
}
