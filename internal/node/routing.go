package node

import (
	"context"

	"vision/internal/gateway"
)

// routing is what the gateway does over and above asking one miner. The secret
// for prefixes is in the database, so that all gateways on it agree, and a
// restart leaves conversations where they are.
func (v *Validator) routing(ctx context.Context) (gateway.Routing, error) {
	r := gateway.Routing{Retries: v.config.Gateway.Retries, Hedge: v.config.Gateway.Hedge}
	if v.config.Gateway.Affinity {
		secret, err := v.store.Secret(ctx, "affinity")
		if err != nil {
			return r, err
		}
		r.Affinity = secret[:]
	}
	return r, nil
}
