package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/relay"
	"vision/internal/sampling"
	"vision/internal/transport"
)

// The small types here give one package's parts the shape that another asks for.

// minerDialer is a transport.Dialer for the relay.
type minerDialer struct{ *transport.Dialer }

func (d minerDialer) Dial(ctx context.Context, addr string, miner hotkey.ID) (net.Conn, error) {
	conn, err := d.Dialer.DialSigning(ctx, addr, miner)
	if err != nil {
		return nil, err // a nil *transport.Signing in a net.Conn would not be nil
	}
	return conn, nil
}

// dialReason names a failed handshake for an outcome.
func dialReason(err error) string {
	switch {
	case errors.Is(err, transport.ErrWrongHotkey):
		return "wrong_hotkey"
	case errors.Is(err, transport.ErrExpired):
		return "certificate_expired"
	case errors.Is(err, transport.ErrBinding), errors.Is(err, transport.ErrExtension), errors.Is(err, transport.ErrCertificate):
		return "bad_certificate"
	case transport.Refused(err):
		return "refused_us"
	}
	return ""
}

// sampler is the gateway's decision on what is kept to be checked.
type sampler struct {
	relay *relay.Client
	rates *sampling.Table
}

func (s sampler) Keep(id, task string, miner hotkey.ID) bool {
	return s.rates.Keep(s.relay.Draw(id), outcome.Organic, task, miner)
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

// judge is a checking server, of this process or of another.
type judge interface {
	Judge(ctx context.Context, r proto.CheckRequest) (proto.CheckResponse, error)
}
