package relay

import (
	"context"
	"net"
	"time"

	"vision/internal/hotkey"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

// Dialer opens a connection on which the peer has proved to be the miner.
type Dialer interface {
	Dial(ctx context.Context, addr string, miner hotkey.ID) (net.Conn, error)
}

// Peer is a miner and where the ledger says it listens.
type Peer struct {
	Miner hotkey.ID
	Addr  string // host:port
}

// Call is one attempt to be made.
type Call struct {
	ID      string // request id; the same for every try of a request, and not what the miner sees
	Try     int
	Last    bool // known beforehand: nobody is asked after this one, however it ends
	Key     int64
	Source  outcome.Source
	Task    *task.Task
	Kind    task.Kind
	Request task.Request
	Payload []byte // from Client.Payload, once a request
	Peer    Peer

	FirstBy time.Time // when the first output must be there; for a picture or a vector, the whole answer
	By      time.Time // when all of it must
	Public  bool      // nothing in the request is a customer's: others may be shown it
	Keep    bool      // keep all of the response's bytes: the request may be checked
}

// Sink takes what may be shown to the caller. Its errors mean that the caller
// has gone away.
type Sink interface {
	// Events takes whole server-sent events, to be passed on at once. It must
	// not keep p.
	Events(p []byte) error
}

// Answer is how an attempt ended.
type Answer struct {
	Outcome    outcome.Outcome
	Started    bool          // something reached the Sink: too late for another miner
	Body       []byte        // the whole answer as the customer is to see it, if it was not streamed and is good
	Work       task.Work     // counted by us; of a stream, what the Sink took
	Finish     string        // a stream's finish_reason
	Meta       openai.Meta   // what a stream's chunks say of themselves, for the caller's usage chunk
	Kept       []byte        // response bytes, if Keep was asked: all of them where the outcome is OK, all that was read where it is not
	Proof      *proto.Proof  // that Kept is the miner's, if Keep was asked and it signed it; not verified
	RetryAfter time.Duration // with RateLimited
	Err        error         // *fault.Error, for the caller; nil when OK
}

// Attempter makes attempts; *Client does, and fakes in tests of the roles.
type Attempter interface {
	Payload(id string, r task.Request, t *task.Task) []byte
	Do(ctx context.Context, call Call, sink Sink) Answer
}
