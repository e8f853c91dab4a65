package relay

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// stage is miners whose streams begin well, and fall silent when it is dark.
type stage struct {
	addr  string
	begun chan struct{} // gets one for each stream that has begun
	dark  chan struct{}
}

func newStage(t *testing.T, network *piped) *stage {
	s := &stage{begun: make(chan struct{}, 16), dark: make(chan struct{})}
	s.addr = network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, eventStream+"\r\n"+token)
		s.begun <- struct{}{}
		<-s.dark
		io.Copy(io.Discard, r)
	})
	return s
}

// talker serves streams of a token every few milliseconds that do not end.
func talker(t *testing.T, network *piped) string {
	return network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, eventStream+"\r\n")
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := io.WriteString(c, token); err != nil {
				return
			}
			<-tick.C
		}
	})
}

// mute takes requests and says nothing.
func mute(t *testing.T, network *piped) string {
	return network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.Copy(io.Discard, r)
	})
}

// TestStreamsThatAllFallSilentAtOnce are our network's doing; those of one
// miner, or of some while another is heard, are not.
func TestStreamsThatAllFallSilentAtOnce(t *testing.T) {
	const gap = 400 * time.Millisecond
	for name, tt := range map[string]struct {
		miners  []byte // of the streams that fall silent
		talks   bool   // another stream goes on
		unread  bool   // nobody reads the streams of all miners but the first
		waiting bool   // a fourth miner has not begun to answer
		want    outcome.Status
	}{
		"all of four":                       {miners: []byte{1, 2, 3, 4}, want: outcome.Ours},
		"all, and one that had not begun":   {miners: []byte{1, 2, 3, 4}, waiting: true, want: outcome.Ours},
		"all of two":                        {miners: []byte{1, 2}, want: outcome.Failed},
		"four of one miner":                 {miners: []byte{1, 1, 1, 1}, want: outcome.Failed},
		"four, while another is heard":      {miners: []byte{1, 2, 3, 4}, talks: true, want: outcome.Failed},
		"one, and others that nobody reads": {miners: []byte{1, 2, 3, 4}, unread: true, want: outcome.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network piped
				c := network.client(t)
				s := newStage(t, &network)
				changed := *chatTask
				changed.Timeouts.Gap = gap
				calls := func(addr string, miner byte) Call {
					call := newCall(t, c, addr, true)
					call.Task, call.Peer.Miner = &changed, hotkey.ID{miner}
					return call
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				var aside sync.WaitGroup
				defer aside.Wait()
				defer stop()
				if tt.talks {
					addr := talker(t, &network)
					aside.Go(func() { c.Do(ctx, calls(addr, 99), &shown{}) })
				}
				var all sync.WaitGroup
				answers := make([]outcome.Outcome, len(tt.miners), len(tt.miners)+1)
				readers := make(chan struct{})
				for i, m := range tt.miners {
					sink := &shown{}
					if tt.unread && i > 0 {
						sink.after = func() { <-readers }
					}
					all.Go(func() { answers[i] = c.Do(t.Context(), calls(s.addr, m), sink).Outcome })
					<-s.begun
				}
				if tt.waiting {
					addr := mute(t, &network)
					answers = append(answers, outcome.Outcome{})
					i := len(tt.miners)
					all.Go(func() {
						call := calls(addr, 50)
						call.FirstBy = time.Now().Add(gap)
						answers[i] = c.Do(t.Context(), call, &shown{}).Outcome
					})
				}
				close(s.dark)
				if tt.unread {
					time.AfterFunc(3*gap/2, func() { close(readers) })
				}
				all.Wait()
				if tt.unread {
					answers = answers[:1]
				}
				for i, o := range answers {
					if o.Status != tt.want || o.Status == outcome.Ours && o.Reason != "network_down" {
						t.Errorf("stream %d: %v %q, want %v", i, o.Status, o.Reason, tt.want)
					}
				}
				stop()
				aside.Wait()
				if len(c.net.silent) != 0 {
					t.Errorf("%d miners are held to be silent after all has ended", len(c.net.silent))
				}
				// Somebody is heard again: who is silent now is to blame for it.
				call := calls(mute(t, &network), 7)
				c.net.hear(time.Now())
				call.FirstBy = time.Now().Add(gap)
				if o := c.Do(t.Context(), call, &shown{}).Outcome; o.Status != outcome.Failed {
					t.Errorf("afterwards, a miner that does not answer: %v %q", o.Status, o.Reason)
				}
			})
		})
	}
}

// TestASilentStreamSpeaksAgain: it is no witness any more, and the gap is
// measured anew.
func TestASilentStreamSpeaksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const gap = 4 * time.Second
		hushed := make(chan struct{})
		var network piped
		addr := network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, eventStream+"\r\n"+token)
			for range 3 {
				<-hushed
				io.WriteString(c, token)
			}
			io.WriteString(c, last+closed)
		})
		c := network.client(t)
		done := make(chan outcome.Outcome, 1)
		call := newCall(t, c, addr, true)
		changed := *chatTask
		changed.Timeouts.Gap = gap
		call.Task = &changed
		go func() { done <- c.Do(t.Context(), call, &shown{}).Outcome }()
		silent := func() bool {
			c.net.mu.Lock()
			defer c.net.mu.Unlock()
			return c.net.silent[miner] == 1
		}
		for range 3 {
			time.Sleep(silence + time.Millisecond) // within the gap
			synctest.Wait()
			if !silent() {
				t.Fatal("a stream that says nothing is not held to be silent")
			}
			hushed <- struct{}{}
			synctest.Wait()
			if silent() {
				t.Fatal("a stream that speaks is held to be silent")
			}
		}
		if o := <-done; o.Status != outcome.OK || o.Work != 4 || len(c.net.silent) != 0 {
			t.Errorf("%v %q, %d units", o.Status, o.Reason, o.Work)
		}
	})
}
