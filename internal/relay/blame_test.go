package relay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/proto"
)

func TestWhoseFault(t *testing.T) {
	started := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, eventStream+"\r\n"+token)
		io.Copy(io.Discard, r)
	})
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	nobody := l.Addr().String()
	l.Close()
	failing := func(err error) func(*Config) {
		return func(c *Config) {
			c.Dialer = dialFunc(func() (net.Conn, error) { return nil, fmt.Errorf("dial: %w", err) })
			c.DialReason = func(err error) string {
				if errors.Is(err, errOther) {
					return "wrong_hotkey"
				}
				return ""
			}
		}
	}
	tests := []struct {
		name   string
		addr   string
		change func(*Config)
		act    func(c *Client, call *Call, s *shown, cancel context.CancelCauseFunc)
		status outcome.Status
		reason string
	}{
		{"refused", nobody, nil, nil, outcome.Failed, "connect_refused"},
		{"no host", "no such host:1", nil, nil, outcome.Failed, "bad_address"},
		{"no file descriptors", nobody, failing(syscall.EMFILE), nil, outcome.Ours, "local_resources"},
		{"another hotkey", nobody, failing(errOther), nil, outcome.Failed, "wrong_hotkey"},
		{"dial timeout", nobody, failing(context.DeadlineExceeded), nil, outcome.Failed, "connect_timeout"},
		{"caller gone before", started, nil, func(_ *Client, _ *Call, _ *shown, cancel context.CancelCauseFunc) { cancel(nil) }, outcome.Canceled, "caller_gone"},
		{"caller gone while streaming", started, nil, func(_ *Client, _ *Call, s *shown, cancel context.CancelCauseFunc) {
			s.after = func() { cancel(nil) }
		}, outcome.Canceled, "caller_gone"},
		{"caller refuses", started, nil, func(_ *Client, _ *Call, s *shown, _ context.CancelCauseFunc) {
			s.err = errors.New("broken pipe")
		}, outcome.Canceled, "caller_gone"},
		{"caller reads slowly", started, nil, func(c *Client, call *Call, s *shown, _ context.CancelCauseFunc) {
			var passed atomic.Int64
			c.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
			s.after = func() { passed.Store(int64(time.Until(call.By) + time.Second)) }
		}, outcome.Canceled, "caller_slow"},
		{"shutdown", started, nil, func(_ *Client, _ *Call, s *shown, cancel context.CancelCauseFunc) {
			s.after = func() { cancel(ErrShutdown) }
		}, outcome.Ours, "shutdown"},
		{"closed", started, nil, func(c *Client, _ *Call, _ *shown, _ context.CancelCauseFunc) { c.Close(); c.Close() }, outcome.Ours, "shutdown"},
		{"a request larger than miners take", started, nil, func(_ *Client, call *Call, _ *shown, _ context.CancelCauseFunc) {
			call.Payload = make([]byte, proto.MaxRequest+1)
		}, outcome.Ours, "request_too_large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var change []func(*Config)
			if tt.change != nil {
				change = append(change, tt.change)
			}
			c := newClient(t, change...)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			call := newCall(t, c, tt.addr, true)
			var s shown
			if tt.act != nil {
				tt.act(c, &call, &s, cancel)
			}
			a := c.Do(ctx, call, &s)
			if a.Outcome.Status != tt.status || a.Outcome.Reason != tt.reason || a.Err == nil {
				t.Errorf("%v %q (%v), want %v %q", a.Outcome.Status, a.Outcome.Reason, a.Err, tt.status, tt.reason)
			}
		})
	}
}

var errOther = errors.New("another hotkey")

// The caller pays for what it got. What could not be passed on is the miner's
// work all the same.
func TestOutputThatDoesNotReachTheCaller(t *testing.T) {
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, eventStream+"\r\n"+token)
		r.ReadByte() // until the caller is gone
	})
	for name, want := range map[string]struct {
		refuse error
		units  int64
	}{"taken": {nil, 1}, "refused": {errors.New("broken pipe"), 0}} {
		c := newClient(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		s := shown{err: want.refuse, after: func() { cancel(nil) }}
		a := c.Do(ctx, newCall(t, c, addr, true), &s)
		if a.Outcome.Status != outcome.Canceled || a.Work.Units != want.units || a.Outcome.Work != 1 {
			t.Errorf("%s: %v, %d units of %d, want %d", name, a.Outcome.Status, a.Work.Units, a.Outcome.Work, want.units)
		}
	}
}
