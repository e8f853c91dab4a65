package miner

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/proto"
)

// A miner serves what its caller has signed for it, now, and once; whatever else
// comes over an admitted validator's connection it refuses.
func TestOnlyWhatIsSignedForItIsServed(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	self, other := hotkey.ID{50}, hotkey.ID{51}
	r := newRig(t, speak(3, true), nil)
	r.deps.Signatures = &Signatures{Network: "test/19", Self: self, Key: func(*http.Request) (crypto.PublicKey, error) { return public, nil }}
	body := strings.Replace(chatBody, "%t", "true", 1)
	good := func() proto.Signed {
		return proto.Signed{Network: "test/19", Validator: alice, Miner: self, Path: chatPath, ID: "req-1", Body: sha256.Sum256([]byte(body)), Expires: r.now.Add(proto.SignatureLife)}
	}
	sign := func(change func(*proto.Signed)) string {
		s := good()
		change(&s)
		value, err := s.AppendSignature(nil, private, nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(value)
	}
	ask := func(values ...string) int {
		w := httptest.NewRecorder()
		req := httptest.NewRequest("POST", chatPath, strings.NewReader(body))
		req.Header.Set("Test-Caller", alice.String())
		req.Header.Set(proto.RequestIDHeader, "req-1")
		for _, v := range values {
			req.Header.Add(proto.SignatureHeader, v)
		}
		r.ServeHTTP(w, req)
		return w.Code
	}
	first := sign(func(*proto.Signed) {})
	for _, c := range []struct {
		what string
		code string
		sent []string
	}{
		{"none", "no_signature", nil},
		{"two", "no_signature", []string{first, first}},
		{"nonsense", "bad_signature", []string{"v1 now AAAA"}},
		{"for another miner", "bad_signature", []string{sign(func(s *proto.Signed) { s.Miner = other })}},
		{"by another validator", "bad_signature", []string{sign(func(s *proto.Signed) { s.Validator = bob })}},
		{"of another body", "bad_signature", []string{sign(func(s *proto.Signed) { s.Body[0]++ })}},
		{"of another path", "bad_signature", []string{sign(func(s *proto.Signed) { s.Path = "/v1/completions" })}},
		{"of another id", "bad_signature", []string{sign(func(s *proto.Signed) { s.ID = "req-2" })}},
		{"of another network", "bad_signature", []string{sign(func(s *proto.Signed) { s.Network = "test/20" })}},
		{"expired", "stale_signature", []string{sign(func(s *proto.Signed) { s.Expires = r.now.Add(-proto.ClockTolerance - time.Second) })}},
		{"for ever", "stale_signature", []string{sign(func(s *proto.Signed) { s.Expires = r.now.Add(time.Hour) })}},
	} {
		r.log.Reset()
		if got := ask(c.sent...); got != http.StatusForbidden || !bytes.Contains(r.log.Bytes(), []byte("code="+c.code)) {
			t.Errorf("%s: %d, log %s", c.what, got, r.log.String())
		}
	}
	if got := ask(first); got != http.StatusOK {
		t.Errorf("a good one: %d", got)
	}
	r.log.Reset()
	if got := ask(first); got != http.StatusForbidden || !bytes.Contains(r.log.Bytes(), []byte("code=replayed")) {
		t.Errorf("again: %d, log %s", got, r.log.String())
	}
	// The same request, signed anew, is the validator's own doing.
	if got := ask(sign(func(s *proto.Signed) { s.Expires = s.Expires.Add(time.Millisecond) })); got != http.StatusOK {
		t.Errorf("signed anew: %d", got)
	}
	if got := ask(sign(func(s *proto.Signed) { s.Expires = r.now.Add(-proto.ClockTolerance + time.Second) })); got != http.StatusOK {
		t.Errorf("of a validator whose clock is behind: %d", got)
	}
}

// Signatures are remembered as long as they are of use, and no longer.
func TestSignaturesAreForgotten(t *testing.T) {
	var o once
	now := time.Unix(1_700_000_000, 0)
	one := signed{alice, [32]byte{1}}
	if o.first(one, now.Add(useful), now) != nil || o.first(one, now.Add(useful), now.Add(useful)) == nil {
		t.Error("a signature is new twice while it is of use")
	}
	for i := range 100 {
		at := now.Add(time.Duration(i) * useful / 10)
		o.first(signed{alice, [32]byte{2, byte(i)}}, at.Add(proto.SignatureLife), at)
	}
	if n := len(o.young) + len(o.old); n > 40 {
		t.Errorf("%d signatures are remembered", n)
	}
}

// Whoever signs more than is remembered is told to wait, and is not forgotten early; others go on.
func TestSignaturesOfOneCallerAreBounded(t *testing.T) {
	var o once
	now := time.Unix(1_700_000_000, 0)
	ends := now.Add(proto.SignatureLife)
	nth := func(n int) (s signed) {
		s.by = alice
		binary.BigEndian.PutUint64(s.hash[:], uint64(n))
		return s
	}
	for i := range most {
		if err := o.first(nth(i), ends, now); err != nil {
			t.Fatal(i, err)
		}
	}
	err := o.first(nth(most), ends, now.Add(time.Second))
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.RateLimited || f.RetryAfter != useful {
		t.Errorf("one more: %v", err)
	}
	if err := o.first(nth(0), ends, now.Add(time.Second)); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("the first again: %v", err)
	}
	if err := o.first(signed{by: bob}, ends, now.Add(time.Second)); err != nil {
		t.Errorf("another caller: %v", err)
	}
	later := now.Add(useful + time.Second)
	if err := o.first(nth(most), later.Add(proto.SignatureLife), later); err != nil {
		t.Errorf("after the time that it was told: %v", err)
	}
	if err := o.first(nth(most-1), ends, later); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("an old one, then: %v", err)
	}
}

// No signature is accepted twice, however requests come and the clock is set; while it goes right
// none that is fresh and new is refused.
func TestNoSignatureIsAcceptedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o once
		type sent struct {
			signed
			ends time.Time
		}
		var all []sent
		accepted := map[signed]int{}
		now := time.Unix(1_700_000_000, 0)
		back := rapid.Bool().Draw(t, "the clock may be set back")
		for i := range rapid.IntRange(1, 60).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 150).Draw(t, "seconds")) * time.Second)
			if back && rapid.IntRange(0, 5).Draw(t, "set back") == 0 {
				now = now.Add(-time.Duration(rapid.IntRange(0, 900).Draw(t, "by")) * time.Second)
			}
			one := sent{ends: now.Add(time.Duration(rapid.IntRange(-30, 90).Draw(t, "ends in")) * time.Second)}
			one.by, one.hash[0] = alice, byte(i)
			fresh := true
			if len(all) > 0 && rapid.Bool().Draw(t, "again") {
				one, fresh = rapid.SampledFrom(all).Draw(t, "which"), false
			}
			all = append(all, one)
			if (&proto.Signed{Expires: one.ends}).Fresh(now) != nil {
				continue
			}
			err := o.first(one.signed, one.ends, now)
			if err == nil {
				accepted[one.signed]++
			}
			if accepted[one.signed] > 1 {
				t.Fatal("accepted twice")
			}
			if err != nil && fresh && !back {
				t.Fatalf("a new one is refused: %v", err)
			}
		}
	})
}
