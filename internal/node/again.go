package node

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"vision/internal/checker"
	"vision/internal/checker/remote"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/proto"
	"vision/internal/transport"
)

// Again judges kept answers again, for a command: by the checking servers that a
// validator has.
type Again struct {
	judges *panel
	close  []func()
}

// OpenAgain opens the checking server of a validator's configuration, if it has one
// in its own process, and those elsewhere that it names; or only, if that is not nil.
// A configuration without a hotkey, as there is none for a devnet's, has its own alone.
func OpenAgain(ctx context.Context, c ValidatorConfig, only *RemoteChecker, log *slog.Logger) (*Again, error) {
	a := &Again{judges: newPanel(log, time.Now)}
	elsewhere := c.Checkers
	if only != nil {
		elsewhere = []RemoteChecker{*only}
	}
	var key *hotkey.Key
	var signers []hotkey.ID
	if c.Hotkey != "" {
		var err error
		if key, err = LoadKey(c.Common); err != nil {
			return nil, err
		}
		signers = []hotkey.ID{key.ID()}
	}
	if only == nil && c.has(Checks) {
		var salt [32]byte
		if _, err := rand.Read(salt[:]); err != nil {
			return nil, fmt.Errorf("draw a salt: %w", err)
		}
		own, err := checker.New(c.Checker, checker.Deps{Secret: readSecret, Salt: salt[:], Log: log, Calibration: Calibrations(signers)})
		if err != nil {
			return nil, err
		}
		a.judges.add("own", own)
	}
	if key == nil {
		if only != nil {
			return nil, fmt.Errorf("a checking server works for hotkeys that it knows: name the validator's configuration")
		}
		return a, nil
	}
	ledger, err := OpenLedger(c.Ledger)
	if err != nil {
		return nil, err
	}
	s, err := ledger.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the ledger for the network's name: %w", err)
	}
	identity, err := transport.NewIdentity(key, transport.Options{Network: fmt.Sprintf("%s/%d", s.Network, s.Netuid)})
	if err != nil {
		return nil, err
	}
	clients := transport.NewClients(&transport.Dialer{Identity: identity})
	a.close = append(a.close, clients.Close)
	for _, r := range elsewhere {
		a.judges.add(r.Address, &remote.Client{HTTP: clients.For(r.Hotkey), Base: "https://" + r.Address})
	}
	return a, nil
}

// Judge judges a sample, and, as a validator does, once more by the next reference if it
// fails: then both verdicts come back, and what counts is the smaller E.
func (a *Again) Judge(ctx context.Context, r proto.CheckRequest) ([]proto.CheckResponse, error) {
	first, err := a.judges.Check(ctx, r)
	if err != nil {
		return nil, err
	}
	if first.E < judgement.Suspect && first.Quality >= 0.5 {
		return []proto.CheckResponse{first}, nil
	}
	r.Turn++
	second, err := a.judges.Check(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("judge it once more: %w", err)
	}
	return []proto.CheckResponse{first, second}, nil
}

// Close ends connections.
func (a *Again) Close() {
	for _, f := range a.close {
		f()
	}
}
