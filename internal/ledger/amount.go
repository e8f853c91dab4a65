package ledger

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Amount is money in micro-credits. Sums are made with Add and Sub, never with
// bare operators, where an operand came from outside.
type Amount int64

// Credit is one credit.
const Credit Amount = 1_000_000

// ErrOverflow is wrapped by the error of every calculation whose result does
// not fit into an Amount.
var ErrOverflow = errors.New("the amount is too large")

// Add is a+b.
func (a Amount) Add(b Amount) (Amount, error) {
	sum := a + b
	if (b > 0 && sum < a) || (b < 0 && sum > a) {
		return 0, fmt.Errorf("%d and %d micro-credits: %w", int64(a), int64(b), ErrOverflow)
	}
	return sum, nil
}

// Sub is a-b.
func (a Amount) Sub(b Amount) (Amount, error) {
	d := a - b
	if (b > 0 && d > a) || (b < 0 && d < a) {
		return 0, fmt.Errorf("%d less %d micro-credits: %w", int64(a), int64(b), ErrOverflow)
	}
	return d, nil
}

// sum is a+b of amounts that are not negative, held at the greatest there is:
// for estimates, never for books.
func sum(a, b Amount) Amount {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// String writes credits with all six decimals that are needed, and at least
// two: "12.50", "0.000001", "-3.00".
func (a Amount) String() string {
	sign, n := "", uint64(a)
	if a < 0 {
		sign, n = "-", -n
	}
	digits := fmt.Sprintf("%06d", n%uint64(Credit))
	for len(digits) > 2 && strings.HasSuffix(digits, "0") {
		digits = digits[:len(digits)-1]
	}
	return sign + strconv.FormatUint(n/uint64(Credit), 10) + "." + digits
}

// ParseAmount reads credits as String writes them, with 0 to 6 decimals.
func ParseAmount(text string) (Amount, error) {
	bad := func() (Amount, error) {
		return 0, fmt.Errorf("%.40q is not an amount: write credits with at most 6 decimals, as in 12.50", text)
	}
	rest, negative := strings.CutPrefix(text, "-")
	whole, decimals, point := strings.Cut(rest, ".")
	if whole == "" || len(decimals) > 6 || (point && decimals == "") {
		return bad()
	}
	var n uint64
	for _, c := range whole + decimals + "000000"[len(decimals):] {
		if c < '0' || c > '9' {
			return bad()
		}
		digit := uint64(c - '0')
		if n > (1<<63-digit)/10 {
			return 0, fmt.Errorf("%.40q credits: %w", text, ErrOverflow)
		}
		n = n*10 + digit
	}
	if negative {
		return Amount(-n), nil
	}
	if n > math.MaxInt64 {
		return 0, fmt.Errorf("%.40q credits: %w", text, ErrOverflow)
	}
	return Amount(n), nil
}
