package randomness

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cloudflare/circl/ecc/bls12381"
	"github.com/cloudflare/circl/sign/bls"

	"vision/internal/beacon"
)

// Chain is a drand network whose values are signatures on G1 of BLS12-381 over
// the round's number alone (its scheme is bls-unchained-g1-rfc9380).
type Chain struct {
	Name    string        // in Round.Source
	Hash    string        // names it in URLs
	Key     string        // its public key, in hexadecimal
	Genesis time.Time     // of round 1
	Period  time.Duration // between rounds
}

// Quicknet is the League of Entropy's.
var Quicknet = Chain{
	Name:    "drand-quicknet",
	Hash:    "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
	Key:     "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
	Genesis: time.Unix(1692803367, 0),
	Period:  3 * time.Second,
}

// QuicknetURLs serve it.
func QuicknetURLs() []string {
	return []string{"https://api.drand.sh", "https://api2.drand.sh", "https://api3.drand.sh", "https://drand.cloudflare.com"}
}

const (
	// catchUp is how many rounds that were missed are still fetched: beacons
	// need some of those before.
	catchUp = 100
	// fetchWithin bounds one fetch.
	fetchWithin = 2 * time.Second
	// patience is for how many rounds one that is due is waited for.
	patience = 4
	maxRound = 4 << 10 // bytes of an answer
)

// Drand reads a drand network over HTTP.
type Drand struct {
	chain Chain
	key   bls.PublicKey[bls.KeyG2SigG1]
	urls  []string
	http  *http.Client
	now   func() time.Time
	next  int // of urls, the one to ask; one goroutine at a time calls Next
}

// NewDrand reads a chain from servers, each by its base URL. client and now are the
// defaults if nil.
func NewDrand(c Chain, urls []string, client *http.Client, now func() time.Time) (*Drand, error) {
	d := &Drand{chain: c, urls: urls, http: client, now: now}
	if d.http == nil {
		d.http = http.DefaultClient
	}
	if d.now == nil {
		d.now = time.Now
	}
	key, err := hex.DecodeString(c.Key)
	if err == nil {
		err = d.key.UnmarshalBinary(key)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("public key of %s: %w", c.Name, err)
	case len(urls) == 0:
		return nil, fmt.Errorf("%s: no server is named", c.Name)
	case c.Period <= 0:
		return nil, fmt.Errorf("%s: a period of %v", c.Name, c.Period)
	}
	return d, nil
}

// due is when a round is.
func (d *Drand) due(round uint64) time.Time {
	return d.chain.Genesis.Add(time.Duration(round-1) * d.chain.Period)
}

// newest is the last round that is due.
func (d *Drand) newest() uint64 {
	since := d.now().Sub(d.chain.Genesis)
	if since < 0 {
		return 0
	}
	return uint64(since/d.chain.Period) + 1
}

// Next implements Source.
func (d *Drand) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	round := d.newest()
	if after.Source == d.chain.Name && after.Number+catchUp > round {
		round = after.Number + 1
	}
	round = max(round, 1)
	if !sleep(ctx, d.due(round).Sub(d.now())) {
		return beacon.Round{}, ctx.Err()
	}
	var last error
	for d.now().Before(d.due(round + patience)) {
		value, err := d.fetch(ctx, round)
		if err == nil {
			return value, nil
		}
		last = err
		if ctx.Err() != nil {
			return beacon.Round{}, ctx.Err()
		}
		sleep(ctx, d.chain.Period/10)
	}
	if last == nil { // a round that was missed: ask once
		return d.fetch(ctx, round)
	}
	return beacon.Round{}, last
}

// fetch reads and verifies one round from one server. If that fails, another
// server is the next to ask.
func (d *Drand) fetch(ctx context.Context, round uint64) (r beacon.Round, err error) {
	defer func() {
		if err != nil {
			d.next = (d.next + 1) % len(d.urls)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	url := fmt.Sprintf("%s/%s/public/%d", d.urls[d.next], d.chain.Hash, round)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	answer, err := d.http.Do(request)
	if err != nil {
		return r, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return r, fmt.Errorf("round %d of %s: %s answered %s", round, d.chain.Name, d.urls[d.next], answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxRound))
	if err != nil {
		return r, fmt.Errorf("round %d of %s: %w", round, d.chain.Name, err)
	}
	if r, err = d.read(round, body); err != nil {
		return r, fmt.Errorf("round %d of %s from %s: %w", round, d.chain.Name, d.urls[d.next], err)
	}
	return r, nil
}

// read takes a server's answer for a round. Whatever a server says besides the
// signature follows from it, and is not believed.
func (d *Drand) read(round uint64, body []byte) (beacon.Round, error) {
	var said struct {
		Round     uint64 `json:"round"`
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return beacon.Round{}, fmt.Errorf("the answer is not what it should be: %w", err)
	}
	if said.Round != round {
		return beacon.Round{}, fmt.Errorf("the answer is of round %d", said.Round)
	}
	signature, err := hex.DecodeString(said.Signature)
	if err != nil {
		return beacon.Round{}, fmt.Errorf("the signature is not hexadecimal: %w", err)
	}
	if len(signature) != bls12381.G1SizeCompressed {
		// A point can be written at length, too. The value is the hash of what is written: a server that
		// could choose would have two values of each round to choose from.
		return beacon.Round{}, fmt.Errorf("the signature has %d bytes, want %d", len(signature), bls12381.G1SizeCompressed)
	}
	message := sha256.Sum256(binary.BigEndian.AppendUint64(nil, round))
	if !bls.Verify(&d.key, message[:], signature) {
		return beacon.Round{}, errors.New("the signature is not the network's")
	}
	return beacon.Round{Source: d.chain.Name, Number: round, At: d.due(round), Tick: d.chain.Period, Value: sha256.Sum256(signature)}, nil
}
