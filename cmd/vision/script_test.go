package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"vision/internal/node"
	"vision/internal/store/sqlite"
)

// The test binary is the program itself when it is called "vision": scripts
// and the tests of processes run that.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"vision": main}) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: false,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mode":      scriptMode,
			"exitcode":  scriptExitCode,
			"firstline": scriptFirstLine,
			"contains":  scriptContains,
			"busyport":  scriptBusyPort,
			"database":  scriptDatabase,
		},
	})
}

// mode 0600 FILE checks a file's permissions.
func scriptMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// exitcode N COMMAND… checks how a command ends.
func scriptExitCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// firstline stdout FILE keeps the first line of the last output.
func scriptFirstLine(ts *testscript.TestScript, _ bool, args []string) {
	line, _, _ := strings.Cut(ts.ReadFile(args[0]), "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(line+"\n"), 0o600))
}

// contains FILE stdout checks that a file contains the last output.
func scriptContains(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if want := strings.TrimSpace(ts.ReadFile(args[1])); want == "" || !bytes.Contains(text, []byte(want)) {
		ts.Fatalf("%s does not contain %q", args[0], want)
	}
}

// busyport takes a port until the script ends and sets $BUSY to its address.
func scriptBusyPort(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("BUSY", l.Addr().String())
}

// database DIR makes an empty validator's database, as its first start does.
func scriptDatabase(ts *testscript.TestScript, _ bool, args []string) {
	folder := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(folder, 0o700))
	st, err := sqlite.Open(context.Background(), node.DatabaseFile(folder), sqlite.Options{})
	ts.Check(err)
	ts.Check(st.Close())
}
