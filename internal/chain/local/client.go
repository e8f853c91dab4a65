package local

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

// Client is an embedded ledger in another process on this machine, reached
// through its Server. It implements chain.Ledger.
type Client struct {
	base    string
	now     func() time.Time
	http    *http.Client
	network string
	netuid  uint16
}

var _ chain.Ledger = (*Client)(nil)

// Dial reaches the ledger served at a URL such as http://127.0.0.1:9944. The
// host must be a loopback address. Close the client when done.
func Dial(ctx context.Context, base string, now func() time.Time) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || !onLoopback(u) {
		return nil, fmt.Errorf("devnet ledger: %q: want a loopback address like http://127.0.0.1:9944", base)
	}
	c := &Client{
		base: u.Scheme + "://" + u.Host,
		now:  now,
		http: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second},
			Timeout:   30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
	}
	first, err := c.Snapshot(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	c.network, c.netuid = first.Network, first.Netuid
	return c, nil
}

// onLoopback reports whether u is http://ADDRESS:PORT with a loopback address.
func onLoopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() && u.Scheme == "http" && u.Port() != "" &&
		(u.Path == "" || u.Path == "/") && u.User == nil && u.RawQuery == ""
}

// Close ends idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Snapshot implements chain.Ledger.
func (c *Client) Snapshot(ctx context.Context) (*chain.Snapshot, error) {
	var in wireSnapshot
	if err := c.exchange(ctx, http.MethodGet, snapshotPath, nil, &in); err != nil {
		return nil, err
	}
	in.Header.BlockHash = in.BlockHash
	return chain.NewSnapshot(in.Header, in.Neurons)
}

// Announce implements chain.Ledger.
func (c *Client) Announce(ctx context.Context, signer chain.Signer, at chain.Endpoint) error {
	out, err := c.call(ctx, signer, wireCall{Do: "announce", Endpoint: at})
	if err != nil {
		return err
	}
	return out.err("announce " + string(at))
}

// SetWeights implements chain.Ledger.
func (c *Client) SetWeights(ctx context.Context, signer chain.Signer, w chain.Weights) (chain.Receipt, error) {
	out, err := c.call(ctx, signer, wireCall{Do: "weights", Weights: &w})
	if err != nil {
		return chain.Receipt{}, err
	}
	if err := out.err("set weights"); err != nil {
		return chain.Receipt{}, err
	}
	if out.Receipt == nil {
		return chain.Receipt{}, fmt.Errorf("set weights: the ledger at %s gave no receipt", c.base)
	}
	return *out.Receipt, nil
}

// Register gives the signer a UID, as Ledger.Register does.
func (c *Client) Register(ctx context.Context, signer chain.Signer, coldkey hotkey.ID) (uint16, error) {
	out, err := c.call(ctx, signer, wireCall{Do: "register", Coldkey: &coldkey})
	if err != nil {
		return 0, err
	}
	if err := out.err("register"); err != nil {
		return 0, err
	}
	if out.UID == nil {
		return 0, fmt.Errorf("register: the ledger at %s gave no uid", c.base)
	}
	return *out.UID, nil
}

// call signs and sends.
func (c *Client) call(ctx context.Context, signer chain.Signer, call wireCall) (wireResult, error) {
	call.Network, call.Netuid = c.network, c.netuid
	call.At, call.Nonce = c.now(), rand.Text()
	e, err := seal(signer, call)
	if err != nil {
		return wireResult{}, fmt.Errorf("sign a call to the devnet ledger: %w", err)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return wireResult{}, fmt.Errorf("write a call to the devnet ledger: %w", err)
	}
	var out wireResult
	return out, c.exchange(ctx, http.MethodPost, callsPath, body, &out)
}

// exchange makes one request and reads the JSON of a 200 into out.
func (c *Client) exchange(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("devnet ledger: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("devnet ledger: %w (is the devnet running?)", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("devnet ledger at %s: read the answer: %w", c.base, err)
	case len(raw) > maxAnswer:
		return fmt.Errorf("devnet ledger at %s: an answer of more than %d bytes", c.base, maxAnswer)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("devnet ledger at %s: status %d: %.200q", c.base, resp.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("devnet ledger at %s: the answer is not what a ledger says: %w", c.base, err)
	}
	return nil
}
