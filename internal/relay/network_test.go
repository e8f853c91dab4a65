package relay

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// cut is a network that can be cut: dials fail while err is set.
type cut struct {
	plain
	err error
}

func (d *cut) Dial(ctx context.Context, addr string, id hotkey.ID) (net.Conn, error) {
	if d.err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: d.err}
	}
	return d.plain.Dial(ctx, addr, id)
}

// TestAMinerOutOfReachIsToBlameUnlessAllAre cuts the validator off.
func TestAMinerOutOfReachIsToBlameUnlessAllAre(t *testing.T) {
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for request(r) != nil {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+sized(answer))
		}
	})
	for _, err := range []error{
		os.NewSyscallError("connect", syscall.ENETUNREACH), os.NewSyscallError("connect", syscall.EHOSTUNREACH),
		os.NewSyscallError("connect", syscall.ETIMEDOUT), context.DeadlineExceeded,
		&net.DNSError{Err: "server misbehaving", Name: "miner.example", IsTemporary: true},
	} {
		t.Run(err.Error(), func(t *testing.T) {
			d := &cut{}
			c := newClient(t, func(c *Config) { c.Dialer = d })
			ask := func(miner byte) outcome.Status {
				call := newCall(t, c, addr, false)
				call.Peer.Miner = hotkey.ID{miner}
				return c.Do(t.Context(), call, &shown{}).Outcome.Status
			}
			expect := func(when string, miner byte, want outcome.Status) {
				t.Helper()
				if got := ask(miner); got != want {
					t.Errorf("%s, miner %d: %v, want %v", when, miner, got, want)
				}
			}
			d.err = err
			for range 5 {
				expect("one alone is out of reach", 1, outcome.Failed)
			}
			expect("a second", 2, outcome.Failed)
			d.err = nil
			expect("another is in reach", 9, outcome.OK)
			d.err = err
			for miner := range byte(2) {
				expect("others are out of reach since", 3+miner, outcome.Failed)
			}
			expect("a used connection works", 9, outcome.OK)
			for miner := range byte(2) {
				expect("cut off", 3+miner, outcome.Failed)
			}
			for miner := range byte(3) {
				expect("cut off for all", 5+miner, outcome.Ours)
			}
			d.err = nil
			expect("connected again", 3, outcome.OK)
			d.err = err
			expect("one alone again", 4, outcome.Failed)
		})
	}
}

func TestRefusalsAreNeverOurs(t *testing.T) {
	for _, err := range []error{
		os.NewSyscallError("connect", syscall.ECONNREFUSED),
		&net.DNSError{Err: "no such host", Name: "miner.example", IsNotFound: true},
	} {
		d := &cut{err: err}
		c := newClient(t, func(c *Config) { c.Dialer = d })
		for miner := range byte(10) {
			call := newCall(t, c, "127.0.0.1:1", false)
			call.Peer.Miner = hotkey.ID{miner}
			if o := c.Do(t.Context(), call, &shown{}).Outcome; o.Status != outcome.Failed {
				t.Errorf("%v at miner %d: %v", err, miner, o.Status)
			}
		}
	}
}

func TestWantOfOurOwnIsOurs(t *testing.T) {
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.EADDRNOTAVAIL, syscall.ENETDOWN} {
		c := newClient(t, func(c *Config) { c.Dialer = &cut{err: fmt.Errorf("socket: %w", err)} })
		if o := c.Do(t.Context(), newCall(t, c, "127.0.0.1:1", true), &shown{}).Outcome; o.Status != outcome.Ours {
			t.Errorf("%v: %v %q", err, o.Status, o.Reason)
		}
	}
}
