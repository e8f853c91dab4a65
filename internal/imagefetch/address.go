package imagefetch

import (
	"net"
	"net/netip"
)

// closed are the ranges that are not public, beyond those that netip knows.
var closed = prefixes(
	"0.0.0.0/8",         // this network
	"100.64.0.0/10",     // carrier-grade NAT
	"192.0.0.0/24",      // protocol assignments
	"192.0.2.0/24",      // documentation
	"192.88.99.0/24",    // 6to4 relays
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"168.63.129.16/32",  // a cloud's own services
	"240.0.0.0/4",       // reserved, and broadcast
	"::/96",             // IPv4-compatible
	"64:ff9b:1::/48",    // local NAT64
	"100::/64",          // discard
	"2001::/23",         // protocol assignments, Teredo among them
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4
	"3fff::/20",         // documentation
	"5f00::/16",         // segment routing
	"fec0::/10",         // site-local, as it once was
	"fd00:ec2::254/128", // a cloud's metadata
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	global = netip.MustParsePrefix("2000::/3") // all of IPv6 that has been given out
)

// plain is the IPv4 address that hides in an IPv6 one, and others as they are.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if nat64.Contains(a) { // it is in the last four bytes
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// among says whether an address is one of a list of interfaces' addresses.
func among(list []net.Addr, a netip.Addr) bool {
	a = plain(a)
	for _, l := range list {
		n, ok := l.(*net.IPNet)
		if !ok {
			continue
		}
		if at, ok := netip.AddrFromSlice(n.IP); ok && at.Unmap() == a {
			return true
		}
	}
	return false
}

// public says whether an address is of the public internet.
func public(a netip.Addr) bool {
	a = plain(a)
	if a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range closed {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
