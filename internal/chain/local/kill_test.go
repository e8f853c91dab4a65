//go:build unix

package local_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"vision/internal/chain"
	"vision/internal/chain/chaintest"
	"vision/internal/chain/local"
)

// childDir, when set, makes the test binary a process that changes a ledger
// there until it is killed, and prints each change once it is acknowledged.
const childDir = "VISION_LEDGER_CHILD_DIR"

func child(dir string) error {
	l, err := local.Open(dir, local.Devnet(time.Now))
	if err != nil {
		return err
	}
	ctx := context.Background()
	stake := uint64(0)
	if s, err := l.Snapshot(ctx); err != nil {
		return err
	} else if n, ok := s.ByUID(0); ok {
		stake = uint64(n.Stake)
	}
	id := chaintest.Key("child").ID()
	if _, err := l.Register(ctx, id, id); err != nil {
		return err
	}
	for {
		stake++
		if err := l.SetStake(ctx, id, chain.Rao(stake)); err != nil {
			return err
		}
		fmt.Println(stake)
	}
}

func TestKilledAtAnyMomentItKeepsWhatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	acknowledged := uint64(0)
	for range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 1 + random.IntN(20); n > 0 && lines.Scan(); n-- {
			acknowledged = number(t, lines.Text())
		}
		// Let it run into the middle of whatever it is doing, then kill -9.
		for spin := random.IntN(200_000); spin > 0; spin-- {
			_ = spin
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it still said before it died
			acknowledged = number(t, lines.Text())
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}

		l, err := local.Open(dir, local.Devnet(time.Now))
		if err != nil {
			t.Fatalf("after a kill: %v", err)
		}
		s, err := l.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n, ok := s.ByUID(0)
		// One more than was acknowledged may have reached the disk.
		if got := uint64(n.Stake); !ok || got < acknowledged || got > acknowledged+1 {
			t.Fatalf("acknowledged %d, found %d", acknowledged, got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acknowledged < 12 {
		t.Fatalf("the children did only %d changes", acknowledged)
	}
}

func number(t *testing.T, line string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(line, 10, 64)
	if err != nil {
		t.Fatalf("the child said %q", line)
	}
	return n
}
