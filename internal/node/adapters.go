package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"vision/internal/checker"
	"vision/internal/hotkey"
	"vision/internal/proto"
	"vision/internal/relay"
	"vision/internal/sampling"
	"vision/internal/scorer"
	"vision/internal/transport"
)

// The small types here give one package's parts the shape that another asks for.

// minerDialer is a transport.Dialer for the relay.
type minerDialer struct{ *transport.Dialer }

func (d minerDialer) Dial(ctx context.Context, addr string, miner hotkey.ID) (net.Conn, error) {
	conn, err := d.Dialer.Dial(ctx, addr, miner)
	if err != nil {
		return nil, err // a nil *tls.Conn in a net.Conn would not be nil
	}
	return conn, nil
}

// dialReason names a failed handshake for an outcome.
func dialReason(err error) string {
	for reason, kind := range map[string]error{
		"wrong_hotkey":    transport.ErrWrongHotkey,
		"expired":         transport.ErrExpired,
		"bad_certificate": transport.ErrBinding,
	} {
		if errors.Is(err, kind) {
			return reason
		}
	}
	return ""
}

// sampler is the gateway's decision on what is kept to be checked.
type sampler struct {
	secret [32]byte
	rates  *sampling.Table
}

func (s sampler) Keep(id, task string, miner hotkey.ID) bool {
	return s.rates.Keep(sampling.Draw(s.secret, id), task, miner)
}

// capacityFetcher asks miners what they declare.
type capacityFetcher struct{ clients *transport.Clients }

func (f capacityFetcher) Capacities(ctx context.Context, peer relay.Peer) (proto.Capacities, error) {
	var c proto.Capacities
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+peer.Addr+proto.CapacityPath, nil)
	if err != nil {
		return c, err
	}
	answer, err := f.clients.For(peer.Miner).Do(r)
	if err != nil {
		return c, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return c, fmt.Errorf("the miner answered %s", answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, proto.MaxCapacity+1))
	if err != nil {
		return c, err
	}
	if len(text) > proto.MaxCapacity {
		return c, fmt.Errorf("the miner's capacities are larger than %d bytes", proto.MaxCapacity)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("the miner's capacities are not what they should be: %w", err)
	}
	return c, c.Validate()
}

// localChecker is the checker of this process.
type localChecker struct{ *checker.Checker }

func (c localChecker) Check(ctx context.Context, r proto.CheckRequest) (proto.CheckResponse, error) {
	return c.Judge(ctx, r)
}

// turns spreads checks over several checking servers. One that fails leaves
// the sample to be tried again, with another.
type turns struct {
	judges []scorer.Checker
	next   atomic.Uint64
}

func (t *turns) Check(ctx context.Context, r proto.CheckRequest) (proto.CheckResponse, error) {
	return t.judges[t.next.Add(1)%uint64(len(t.judges))].Check(ctx, r)
}
