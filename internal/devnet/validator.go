package devnet

import (
	"context"
	"fmt"
	"time"

	"vision/internal/apikey"
	"vision/internal/chain"
	"vision/internal/hotkey"
	"vision/internal/node"
)

// stake of the validator: all there is.
const stake = 100_000 * chain.TAO

// registerValidator comes before the miners start: they look at the ledger
// once in a while, and must know whom to serve from the beginning.
func (d *Devnet) registerValidator(ctx context.Context) (*hotkey.Key, error) {
	key, err := d.keys.key("validator")
	if err != nil {
		return nil, err
	}
	if _, err := d.ledger.Register(ctx, key.ID(), key.ID()); err != nil {
		return nil, fmt.Errorf("register the validator: %w", err)
	}
	if err := d.ledger.SetStake(ctx, key.ID(), stake); err != nil {
		return nil, fmt.Errorf("stake the validator: %w", err)
	}
	return key, nil
}

func (d *Devnet) addValidator(ctx context.Context, key *hotkey.Key) (err error) {
	c := node.ValidatorDefaults()
	c.Hotkey, c.Ledger = "devnet", node.Ledger{Kind: "devnet", URL: "http://127.0.0.1"}
	c.Data, c.Period, c.Ops = d.options.Data, d.options.Period, d.options.Ops
	c.Mechanism = d.mechanism()
	c.Beacons.Sources, c.Scorer.Synthetic = []string{"ledger"}, 1
	c.Scorer.Keep = max(c.Scorer.Keep, 48*c.Period)
	c.Gateway.Listen, c.Gateway.Hedge = d.options.Listen, d.options.Hedge
	c.Gateway.Links.Private = d.options.PrivateLinks
	if d.options.Admin != "" {
		c.Admin = node.AdminConfig{Listen: d.options.Admin, TokenFile: AdminTokenFile(d.options.Data)}
		if err := adminToken(d.options.Data); err != nil {
			return err
		}
	}
	if d.options.Server != "" {
		c.Checker.References = realReferences(d.options)
		c.Checker.Timeout = 5 * time.Minute
	}
	d.validator, err = node.NewValidator(ctx, c, d.parts("validator", key))
	if err != nil {
		return err
	}
	if d.key, err = apiKey(ctx, d.validator.Store(), d.options.Data, keyFile, apikey.DefaultProject); err != nil {
		return err
	}
	if d.options.Prepaid > 0 {
		if d.prepaid, err = prepaidKey(ctx, d.validator.Store(), d.options.Data, d.options.Prepaid); err != nil {
			return err
		}
	}
	d.add("validator", d.validator.Run)
	return nil
}

// awaitWithin bounds awaitCapacity: a network without a working miner comes up
// all the same, and shows so.
const awaitWithin = 15 * time.Second

// awaitCapacity waits until the gateway knows whom to ask.
func (d *Devnet) awaitCapacity(ctx context.Context) error {
	await(ctx, awaitWithin, d.validator.CanServe)
	return nil
}

// await waits until something is so, no longer than within.
func await(ctx context.Context, within time.Duration, so func() bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
