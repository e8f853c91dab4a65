package chain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"vision/internal/hotkey"
)

// Neuron is one registered hotkey as of a block. It is a plain value.
type Neuron struct {
	UID             uint16
	Hotkey          hotkey.ID
	Coldkey         hotkey.ID // the owner; zero where the ledger has none
	Endpoint        Endpoint  // where it can be reached; "" until announced
	Stake           Rao       // all that backs it, own and delegated
	ValidatorPermit bool      // may set weights, and its stake counts
	Registered      uint64    // block in which it got this UID
	LastUpdate      uint64    // block of its last accepted weights; 0 is never

	// What the last epoch made of it, each a fraction in [0, 1].
	Incentive      float64 // share of the miners' pay; sums to 1 over neurons, or all are 0
	Dividends      float64 // share of the validators' pay; sums to 1 over neurons, or all are 0
	Emission       float64 // share of all pay; sums to 1 over neurons, or all are 0
	Consensus      float64 // the weight that enough stake agrees to give it
	ValidatorTrust float64 // how much of its own weights survived clipping
}

// Miner reports whether n serves requests: it can be reached and has no
// validator permit.
func (n Neuron) Miner() bool { return !n.ValidatorPermit && n.Endpoint != "" }

// Endpoint is a "host:port" where the host is an IP address (IPv6 in brackets)
// or a DNS name and the port is 1 to 65535. The zero value is no endpoint.
// Subtensor stores addresses only, so there a name is refused.
type Endpoint string

// ParseEndpoint checks s and returns it as an Endpoint.
func ParseEndpoint(s string) (Endpoint, error) {
	e := Endpoint(s)
	if err := e.Validate(); err != nil {
		return "", err
	}
	return e, nil
}

// Validate says what is wrong with e, or nil. The empty endpoint is wrong.
func (e Endpoint) Validate() error {
	s := string(e)
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return fmt.Errorf("address %q: want host:port", s)
	}
	host, port := s[:colon], s[colon+1:]
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("address %q: the port must be a number from 1 to 65535", s)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if ip, err := netip.ParseAddr(inner); !ok || err != nil || !ip.Is6() || ip.Zone() != "" || ip.IsUnspecified() {
			return fmt.Errorf("address %q: want an IPv6 address that others can reach in the brackets, without a zone", s)
		}
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if !ip.Is4() {
			return fmt.Errorf("address %q: write an IPv6 address in brackets", s)
		}
		if ip.IsUnspecified() {
			return fmt.Errorf("address %q: others cannot reach %s; give the address they see", s, host)
		}
		return nil
	}
	if !isName(host) {
		return fmt.Errorf("address %q: %q is neither an IP address nor a DNS name", s, host)
	}
	return nil
}

// isName reports whether s looks like a DNS name: labels of 1 to 63 letters,
// digits and inner hyphens, the last label not all digits, 253 bytes at most.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i] | 0x20
			if label[i] != '-' && (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != ""
}
