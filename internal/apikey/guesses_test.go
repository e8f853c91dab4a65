package apikey

import (
	"fmt"
	"testing"
	"time"
)

func TestAddressesOfGuessers(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"192.0.2.1:5", "192.0.2.1:6"},
		{"[::ffff:192.0.2.1]:5", "192.0.2.1:6"},
		{"[2001:db8::1]:5", "[2001:db8::ffff:1]:6"},
		{"[fe80::1%eth0]:5", "[fe80::2%eth1]:5"},
	} {
		if place(c.a) != place(c.b) {
			t.Errorf("%s and %s are two guessers", c.a, c.b)
		}
	}
	for _, c := range []struct{ a, b string }{{"192.0.2.1:5", "192.0.2.2:5"}, {"[2001:db8::1]:5", "[2001:db8:0:1::1]:5"}} {
		if place(c.a) == place(c.b) {
			t.Errorf("%s and %s are one guesser", c.a, c.b)
		}
	}
	g := Guesses{PerMinute: 1}
	now := time.Now()
	for i := range mostAddresses + 100 {
		g.Of(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), now).Take(now)
	}
	if len(g.by) > mostAddresses+1 {
		t.Errorf("%d addresses are kept", len(g.by))
	}
	if g.Of("198.51.100.1:1", now).Take(now).OK {
		t.Error("with the table full, a new address is not limited at all")
	}
	if !g.Of("198.51.100.1:1", now.Add(2*time.Minute)).Take(now.Add(2 * time.Minute)).OK {
		t.Error("the table is not freed with time")
	}
}

// Guessers who come from ever new addresses cost little each, though the table
// is full and nothing in it can go.
func TestManyGuessersAreCheap(t *testing.T) {
	g := Guesses{PerMinute: 1}
	now, n := time.Now(), 0
	guess := func(most int) {
		for range most {
			g.Of(fmt.Sprintf("10.%d.%d.%d:1", n>>16, n>>8&255, n&255), now).Take(now)
			n++
		}
	}
	guess(mostAddresses)
	looked := g.looked
	guess(5000)
	if g.looked-looked > 2*mostAddresses {
		t.Errorf("5000 guesses looked at %d entries", g.looked-looked)
	}
}
