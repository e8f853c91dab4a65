package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// reachTimeout bounds how long a server may take to accept a connection.
const reachTimeout = 5 * time.Second

// Reach says whether something listens where a model server should be: base is its URL. It asks for nothing, and an error does not
// mean that it will not come, for models take minutes to load.
func Reach(ctx context.Context, base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		if strings.Contains(base, "@") { // a password may stand before it
			return errors.New("this is not a URL such as http://127.0.0.1:8000")
		}
		return fmt.Errorf("%q is not a URL such as http://127.0.0.1:8000", base)
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("nothing answers at %s: %w", u.Redacted(), err)
	}
	return c.Close()
}

// reachServers warns of model servers that do not answer: a miner without them is ready, and fails all that it is asked.
func (m *Miner) reachServers(ctx context.Context, c MinerConfig) {
	for _, s := range c.Servers {
		if err := Reach(ctx, s.URL); err != nil && ctx.Err() == nil {
			m.Log.Warn("a model server does not answer: until it does, all that its tasks are asked fails", "server", s.Name, "err", err)
		}
	}
}
