package local

import (
	"errors"
	"fmt"
	"time"

	"vision/internal/chain"
	"vision/internal/chain/yuma"
)

// Config says what network a ledger is and by which rules. Network and Netuid
// are fixed by the first Open of a directory; the rest may change at each.
type Config struct {
	Network string           // the name, 1 to 64 bytes
	Netuid  uint16           // the subnet's number
	Now     func() time.Time // the clock that makes blocks; required

	chain.Params           // the rules that callers see
	ImmunityPeriod uint64  // blocks in which a new neuron cannot be replaced
	ActivityCutoff uint64  // blocks after which a validator's weights lapse
	Kappa          float64 // share of stake that makes a majority, (0, 1]
	BondsAlpha     float64 // how fast bonds move, (0, 1]
}

// Devnet is a configuration for a network on one machine: a block a second.
func Devnet(now func() time.Time) Config {
	return Config{
		Network: "devnet",
		Netuid:  19,
		Now:     now,
		Params: chain.Params{
			BlockTime:        time.Second,
			Tempo:            20,
			WeightsRateLimit: 10,
			MinWeights:       1,
			StakeThreshold:   1000 * chain.TAO,
			MaxNeurons:       256,
			MaxValidators:    64,
		},
		ImmunityPeriod: 60,
		ActivityCutoff: 5000,
		Kappa:          yuma.DefaultKappa,
		BondsAlpha:     yuma.DefaultAlpha,
	}
}

// Validate reports every mistake at once.
func (c Config) Validate() error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(len(c.Network) > 0 && len(c.Network) <= 64, "network name %q: want 1 to 64 bytes", c.Network)
	want(c.Now != nil, "no clock given")
	want(c.BlockTime >= time.Millisecond, "block time %v: want 1ms or more", c.BlockTime)
	want(c.Tempo > 0 && c.Tempo <= 1<<32, "tempo %d: want 1 to 2^32 blocks", c.Tempo)
	want(c.MaxNeurons > 0 && c.MaxNeurons <= 4096, "%d neurons at most: want 1 to 4096", c.MaxNeurons)
	want(c.MaxValidators > 0, "%d validators at most: want 1 or more", c.MaxValidators)
	want(c.MinWeights >= 0, "at least %d weights: want 0 or more", c.MinWeights)
	want(c.WeightsRateLimit <= 1<<32, "weights rate limit %d: want at most 2^32 blocks", c.WeightsRateLimit)
	want(c.AnnounceRateLimit <= 1<<32, "announce rate limit %d: want at most 2^32 blocks", c.AnnounceRateLimit)
	want(c.RevealEpochs <= 1<<16, "reveal after %d epochs: want at most 65536", c.RevealEpochs)
	want(c.Kappa > 0 && c.Kappa <= 1, "kappa %v: want a number in (0, 1]", c.Kappa)
	want(c.BondsAlpha > 0 && c.BondsAlpha <= 1, "bonds alpha %v: want a number in (0, 1]", c.BondsAlpha)
	return errors.Join(errs...)
}
