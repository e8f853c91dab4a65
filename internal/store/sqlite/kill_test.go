package sqlite

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vision/internal/outcome"
)

// kills is how many processes TestKill kills; VISION_KILLS says otherwise.
const kills = 9

const (
	childEnv = "VISION_TEST_RECORD_UNTIL_KILLED"
	payerEnv = "VISION_TEST_PAY_UNTIL_KILLED" // project, key
	judgeEnv = "VISION_TEST_JUDGE_UNTIL_KILLED"
)

// child records outcomes as fast as it can, with several callers, and prints
// each one's request after it was acknowledged.
func child(path string) int {
	s, err := Open(ctx, path, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	pid := os.Getpid()
	fmt.Println("ready")
	for c := range 3 {
		go func() {
			for i := 0; ; i++ {
				e := outcome.Entry{Outcome: benchOutcome()}
				e.Outcome.Request = fmt.Sprintf("%d/%d/%d", pid, c, i)
				if i%40 == 0 {
					e.Sample = &outcome.Sample{Outcome: e.Outcome, Response: []byte(strings.Repeat("x", i%3000))}
				}
				if err := s.Record(ctx, e); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(e.Outcome.Request)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// A process that is killed at any moment has lost nothing that it acknowledged,
// and nothing is there twice, also while a second process lives and records.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := kills
	if text := os.Getenv("VISION_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("VISION_KILLS is %q, want a number above 0", text)
		}
		rounds = n
	}
	path := filepath.Join(t.TempDir(), "v.db")
	survivor := openAt(t, path, Options{})
	acknowledged := map[string]bool{}
	total := 0
	recorded := 0 // by those that were killed; none, where all were killed before they came to it
	for round := 0; round < rounds || recorded == 0; round++ {
		for _, id := range killed(t, path) {
			acknowledged[id] = true
			recorded++
		}
		mine := outcome.Entry{Outcome: benchOutcome()}
		mine.Outcome.Request = fmt.Sprint("survivor/", round)
		if err := survivor.Record(ctx, mine); err != nil {
			t.Fatal(err)
		}
		acknowledged[mine.Outcome.Request] = true
		if round%3 == 2 || round >= rounds-1 {
			closed(t, survivor)
			survivor = openAt(t, path, Options{}) // adopts what the dead left
			total = missing(t, survivor, acknowledged)
		}
	}
	if n, err := survivor.Pending(ctx); err != nil || n == 0 {
		t.Errorf("%d samples pending, %v", n, err)
	}
	closed(t, survivor)
	if left, _ := filepath.Glob(path + "-outcomes/*"); len(left) > 0 {
		t.Errorf("segments left: %v", left)
	}
	t.Logf("%d processes killed, %d outcomes acknowledged, %d kept", rounds, len(acknowledged), total)
}

// killed runs a child, kills it at a random moment and gives what it acknowledged.
func killed(t *testing.T, path string, env ...string) (ids []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"="+path), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the child did not start: %q, %v, %v", line, err, cmd.Wait())
	}
	timer := time.AfterFunc(time.Duration(rand.Int64N(int64(130*time.Millisecond))), func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the kill may have cut this line off
		}
		ids = append(ids, strings.TrimSuffix(line, "\n"))
	}
	_ = cmd.Wait()
	return ids
}

// missing fails the test for what was acknowledged and is not kept exactly once.
func missing(t *testing.T, s *Store, acknowledged map[string]bool) (kept int) {
	t.Helper()
	seen := map[string]int{}
	for after := int64(0); ; {
		list, err := s.OutcomesAfter(ctx, after, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, o := range list {
			seen[o.Request]++
			kept++
		}
		after = list[len(list)-1].Seq
	}
	lost, twice := 0, 0
	for id := range acknowledged {
		if seen[id] == 0 {
			lost++
		}
	}
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	if lost > 0 || twice > 0 {
		t.Fatalf("of %d acknowledged outcomes %d are lost; of %d kept %d are there twice", len(acknowledged), lost, kept, twice)
	}
	return kept
}
