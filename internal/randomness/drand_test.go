package randomness

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudflare/circl/ecc/bls12381"
	"github.com/cloudflare/circl/sign/bls"

	"vision/internal/beacon"
)

// Rounds of quicknet as its servers gave them.
var published = []struct {
	round                 uint64
	signature, randomness string
}{
	{1000, "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39", "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"},
	{657413, "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b", "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587"},
}

func TestPublishedRoundsAreVerified(t *testing.T) {
	d, err := NewDrand(Quicknet, QuicknetURLs(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range published {
		r, err := d.read(p.round, fmt.Appendf(nil, `{"round":%d,"randomness":"00","signature":"%s"}`, p.round, p.signature))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(r.Value[:]); got != p.randomness {
			t.Errorf("round %d is %s, published is %s", p.round, got, p.randomness)
		}
		if want := Quicknet.Genesis.Add(time.Duration(p.round-1) * 3 * time.Second); !r.At.Equal(want) {
			t.Errorf("round %d was due at %v, want %v", p.round, r.At, want)
		}
		if _, err := d.read(p.round+1, fmt.Appendf(nil, `{"round":%d,"signature":"%s"}`, p.round+1, p.signature)); err == nil {
			t.Errorf("the signature of round %d passes for the next", p.round)
		}
	}
}

// imitation is a drand network of our own.
type imitation struct {
	chain Chain
	key   *bls.PrivateKey[bls.KeyG2SigG1]
}

func imitate(t *testing.T) imitation {
	key, err := bls.KeyGen[bls.KeyG2SigG1]([]byte("a seed of at least thirty-two bytes"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return imitation{Chain{Name: "imitation", Hash: "abc", Key: hex.EncodeToString(public), Genesis: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Period: 3 * time.Second}, key}
}

func (i imitation) answer(round uint64) string {
	message := sha256.Sum256(binary.BigEndian.AppendUint64(nil, round))
	return fmt.Sprintf(`{"round":%d,"signature":"%x"}`, round, bls.Sign(i.key, message[:]))
}

// serving answers in place of servers, by host.
type serving func(host string, round uint64) (status int, body string)

func (s serving) RoundTrip(r *http.Request) (*http.Response, error) {
	var round uint64
	if _, err := fmt.Sscanf(r.URL.Path, "/abc/public/%d", &round); err != nil {
		return nil, err
	}
	status, body := s(r.URL.Host, round)
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestRoundsComeInOrderAsTheyAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := imitate(t)
		asked := map[string]int{}
		d, err := NewDrand(net.chain, []string{"http://down", "http://lying", "http://good"}, &http.Client{Transport: serving(func(host string, round uint64) (int, string) {
			asked[host]++
			switch {
			case host == "down":
				return 0, ""
			case host == "lying":
				return 200, net.answer(round + 1)
			case time.Now().Before(net.chain.Genesis.Add(time.Duration(round-1) * net.chain.Period)):
				return 404, ""
			}
			return 200, net.answer(round)
		})}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var last beacon.Round
		for i := range 5 {
			r, err := d.Next(t.Context(), last)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 && r.Number != last.Number+1 {
				t.Errorf("round %d after %d", r.Number, last.Number)
			}
			if late := time.Since(r.At); late < 0 || late > 2*time.Second {
				t.Errorf("round %d came %v after it was due", r.Number, late)
			}
			last = r
		}
		if asked["down"] != 1 || asked["lying"] != 1 {
			t.Errorf("servers that give nothing were asked again and again: %v", asked)
		}

		time.Sleep(time.Minute) // what was missed is made up for, as far as beacons need it
		r, err := d.Next(t.Context(), last)
		if err != nil || r.Number != last.Number+1 {
			t.Errorf("after a minute: round %d after %d, %v", r.Number, last.Number, err)
		}
		time.Sleep(time.Hour)
		r, err = d.Next(t.Context(), r)
		if err != nil || time.Since(r.At) > 3*time.Second {
			t.Errorf("after an hour: a round that was due at %v, %v", r.At, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Next(ctx, r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting was not broken off: %v", err)
		}
	})
}

// A round that was missed is asked for once at a time, each time of another server.
func TestAMissedRoundIsAskedOfEveryServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := imitate(t)
		d, err := NewDrand(net.chain, []string{"http://young", "http://old"}, &http.Client{Transport: serving(func(host string, round uint64) (int, string) {
			if host == "young" && round < 50 {
				return 404, "" // it keeps no more
			}
			return 200, net.answer(round)
		})}, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(99 * net.chain.Period)
		after := beacon.Round{Source: net.chain.Name, Number: 10}
		if r, err := d.Next(t.Context(), after); err == nil {
			t.Fatalf("a server that does not keep it gives round %d", r.Number)
		}
		if r, err := d.Next(t.Context(), after); err != nil || r.Number != 11 {
			t.Errorf("the other server was not asked: %+v, %v", r, err)
		}
	})
}

func TestDrandOverARealSocket(t *testing.T) {
	net := imitate(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var round uint64
		if _, err := fmt.Sscanf(r.URL.Path, "/abc/public/%d", &round); err != nil {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, net.answer(round))
	}))
	defer server.Close()
	d, err := NewDrand(net.chain, []string{server.URL}, server.Client(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Next(t.Context(), beacon.Round{})
	if err != nil || r.Source != "imitation" || r.Value == [32]byte{} {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDrandRefusesWhatItCannotUse(t *testing.T) {
	for name, change := range map[string]func(*Chain){
		"no key": func(c *Chain) { c.Key = "" }, "bad key": func(c *Chain) { c.Key = strings.Repeat("00", 96) }, "no period": func(c *Chain) { c.Period = 0 },
	} {
		c := Quicknet
		change(&c)
		if _, err := NewDrand(c, QuicknetURLs(), nil, nil); err == nil {
			t.Error(name, "passes")
		}
	}
	if _, err := NewDrand(Quicknet, nil, nil, nil); err == nil {
		t.Error("no server passes")
	}
}

// atLength is the same signature in the other form that BLS libraries read.
func atLength(t testing.TB, signature string) string {
	b, err := hex.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	var point bls12381.G1
	if err := point.SetBytes(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(point.Bytes())
}

// A server that could write the same signature in another way would choose between two values of a round, and with
// them which rounds call a beacon.
func TestARoundHasOneValue(t *testing.T) {
	d, err := NewDrand(Quicknet, QuicknetURLs(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := published[0]
	for name, signature := range map[string]string{"at length": atLength(t, p.signature), "with more behind it": p.signature + "00", "cut": p.signature[:94]} {
		if r, err := d.read(p.round, fmt.Appendf(nil, `{"round":%d,"signature":"%s"}`, p.round, signature)); err == nil {
			t.Errorf("the signature %s gives the value %x", name, r.Value)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"round":1000,"signature":"` + atLength(f, published[0].signature) + `"}`))
	f.Add([]byte(`{"round":1000,"signature":"` + published[0].signature + `"}`))
	f.Add([]byte(`{"round":1000,"signature":"` + strings.Repeat("00", 48) + `"}`))
	d, err := NewDrand(Quicknet, QuicknetURLs(), nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := d.read(1000, body); err == nil && hex.EncodeToString(r.Value[:]) != published[0].randomness {
			t.Errorf("%q gives another value of round 1000", body)
		}
	})
}
