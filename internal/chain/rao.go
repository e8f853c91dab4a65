package chain

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Rao is an amount of stake in the smallest unit: 1 TAO is 1e9 rao.
type Rao uint64

// TAO is one TAO.
const TAO Rao = 1_000_000_000

// String prints the amount in TAO without trailing zeros: "1000.5 TAO".
func (r Rao) String() string { return r.Decimal() + " TAO" }

// Decimal prints the amount in TAO, exactly: "1000.5".
func (r Rao) Decimal() string {
	whole, rest := uint64(r/TAO), uint64(r%TAO)
	if rest == 0 {
		return strconv.FormatUint(whole, 10)
	}
	return strings.TrimRight(fmt.Sprintf("%d.%09d", whole, rest), "0")
}

// ParseTAO reads a decimal number of TAO, with at most nine decimals, exactly.
func ParseTAO(s string) (Rao, error) {
	whole, frac, dotted := strings.Cut(s, ".")
	if whole == "" || len(frac) > 9 || dotted && frac == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not an amount of TAO: want digits, then at most nine decimals, like 1000 or 0.5", s)
	}
	n, err := strconv.ParseUint(whole+frac+strings.Repeat("0", 9-len(frac)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q TAO is more than there can be (%s)", s, Rao(1<<64-1))
	}
	return Rao(n), nil
}

// share gives part/whole in [0, 1]; 0 if the whole is 0. Sums of stakes may
// pass 64 bits, so the whole is a big integer.
func share(part Rao, whole *big.Int) float64 {
	if whole.Sign() <= 0 {
		return 0
	}
	f, _ := new(big.Rat).SetFrac(new(big.Int).SetUint64(uint64(part)), whole).Float64()
	return f
}
