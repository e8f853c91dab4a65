package devnet

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vision/internal/miner"
	"vision/internal/modelserver"
)

// cheat is one way to be dishonest.
type cheat struct {
	name  string
	about string
	// model changes the model server; nil leaves it honest.
	model func(c *modelserver.Config)
	// crooked stands between the miner and its model server; nil is nothing.
	crooked func(honest http.Handler) http.Handler
	// timed is crooked for what depends on the length of a period.
	timed func(honest http.Handler, period time.Duration) http.Handler
	// lie changes the miner's configuration; nil leaves it honest.
	lie func(c *miner.Config)
}

// cheats are all there are.
var cheats = []cheat{
	quantised,
	overdeclare,
	slow,
	flaky,
	truncate,
	relays,
	hurried,
	buffered,
	fakeFirst,
	sharing,
	onOff,
}

// CheatNames lists the cheats.
func CheatNames() []string {
	names := make([]string, len(cheats))
	for i, c := range cheats {
		names[i] = c.name
	}
	return names
}

// CheatsHelp describes each cheat on a line.
func CheatsHelp() string {
	var b strings.Builder
	for _, c := range cheats {
		fmt.Fprintf(&b, "  %-12s %s\n", c.name, c.about)
	}
	return b.String()
}

func cheatNamed(name string) (cheat, error) {
	i := slices.IndexFunc(cheats, func(c cheat) bool { return c.name == name })
	if i < 0 {
		return cheat{}, fmt.Errorf("%q is not a cheat; the cheats are %s", name, strings.Join(CheatNames(), ", "))
	}
	return cheats[i], nil
}
