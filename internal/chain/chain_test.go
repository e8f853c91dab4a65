package chain

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/hotkey"
)

func TestNewWeightsRoundsAsTheOfficialTools(t *testing.T) {
	w, err := NewWeights([]uint16{1, 2, 3, 4, 5}, []float64{2, 1, 0, 1e-9, 0.5}, 7)
	if err != nil {
		t.Fatal(err)
	}
	// 65535/2 = 32767.5 goes to the even 32768; 65535/4 = 16383.75 up; zeros are left out.
	if !slices.Equal(w.UIDs, []uint16{1, 2, 5}) || !slices.Equal(w.Values, []uint16{65535, 32768, 16384}) || w.VersionKey != 7 {
		t.Errorf("weights %+v", w)
	}
	for _, bad := range [][]float64{{math.NaN()}, {math.Inf(1)}, {-1}, {0}, {}, {1, 2}} {
		if w, err := NewWeights([]uint16{1}, bad, 0); err == nil {
			t.Errorf("shares %v give %+v", bad, w)
		}
	}
}

func TestWeightsKeepProportions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 1, 64).Draw(t, "shares")
		uids := make([]uint16, len(shares))
		for i := range uids {
			uids[i] = uint16(i)
		}
		w, err := NewWeights(uids, shares, 0)
		largest := slices.Max(shares)
		if largest == 0 {
			if err == nil {
				t.Fatal("zeros were accepted")
			}
			return
		}
		if err != nil || slices.Max(w.Values) != math.MaxUint16 {
			t.Fatalf("%+v, %v", w, err)
		}
		got := make([]uint16, len(shares))
		for i, uid := range w.UIDs {
			got[uid] = w.Values[i]
		}
		for i, v := range got {
			if math.Abs(float64(v)/math.MaxUint16-shares[i]/largest) > .5/math.MaxUint16+1e-12 {
				t.Fatalf("share %v of %v became %d", shares[i], largest, v)
			}
		}
		if up := w.Upscaled(); !slices.Equal(up.Values, w.Values) {
			t.Fatalf("upscaling again gives %v", up.Values)
		}
	})
}

func TestUpscaled(t *testing.T) {
	for _, c := range []struct{ in, want []uint16 }{
		{[]uint16{1, 3}, []uint16{21845, 65535}},
		{[]uint16{0, 0}, []uint16{0, 0}},
		{nil, nil},
	} {
		in := Weights{UIDs: make([]uint16, len(c.in)), Values: slices.Clone(c.in)}
		if got := in.Upscaled(); !slices.Equal(got.Values, c.want) || !slices.Equal(in.Values, c.in) {
			t.Errorf("%v upscaled is %v, want %v", c.in, got.Values, c.want)
		}
	}
}

func TestTAO(t *testing.T) {
	for text, want := range map[string]Rao{
		"0": 0, "1": TAO, "1000.5": 1000*TAO + TAO/2, "0.000000001": 1, "18446744073.709551615": math.MaxUint64, "007": 7 * TAO,
	} {
		if got, err := ParseTAO(text); got != want || err != nil {
			t.Errorf("ParseTAO(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".", ".5", "1.", "-1", "+1", "1e3", "1_000", "0.0000000001", "18446744073.709551616", "99999999999", "١"} {
		if got, err := ParseTAO(text); err == nil {
			t.Errorf("ParseTAO(%q) = %d, want an error", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := Rao(rapid.Uint64().Draw(t, "rao"))
		if back, err := ParseTAO(r.Decimal()); back != r || err != nil {
			t.Fatalf("%d prints as %s, which reads as %d, %v", r, r.Decimal(), back, err)
		}
	})
}

func TestEndpoint(t *testing.T) {
	for _, s := range []string{"192.0.2.1:80", "127.0.0.1:65535", "[2001:db8::1]:9100", "miner.example.com:1", "localhost:8080", "a-b.c1:9"} {
		if _, err := ParseEndpoint(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{
		"", ":80", "host", "host:", "host:0", "host:65536", "host:080", "host:+80", "host:http", "2001:db8::1:80", "[2001:db8::1]", "[]:80",
		"[192.0.2.1]:80", "[::1:80", "0.0.0.0:80", "[::]:80", "a b:80", "-a:80", "a-:80", "a..b:80", "256.1.1.1:80", "http://h:80", "h/x:80", "h\n:80", "h\x00:80",
	} {
		if _, err := ParseEndpoint(s); err == nil {
			t.Errorf("%q passes", s)
		}
	}
}

func id(b byte) hotkey.ID { return hotkey.ID{b} }

func header() Header {
	return Header{Network: "test", Block: 100, Params: Params{
		BlockTime: 12 * time.Second, Tempo: 360, WeightsRateLimit: 20, AnnounceRateLimit: 50, WeightsVersion: 3, StakeThreshold: 5, MinWeights: 1024,
	}}
}

func TestSnapshotRejectsTwins(t *testing.T) {
	for _, twins := range [][]Neuron{{{UID: 1, Hotkey: id(1)}, {UID: 1, Hotkey: id(2)}}, {{UID: 1, Hotkey: id(1)}, {UID: 2, Hotkey: id(1)}}} {
		if _, err := NewSnapshot(header(), twins); err == nil {
			t.Errorf("%+v passes", twins)
		}
	}
	if _, err := NewSnapshot(Header{}, nil); err == nil {
		t.Error("a header without tempo and block time passes")
	}
}

func TestStakeSharesSurviveHugeStakes(t *testing.T) {
	s, err := NewSnapshot(header(), []Neuron{
		{UID: 5, Hotkey: id(1), Stake: math.MaxUint64, ValidatorPermit: true},
		{UID: 3, Hotkey: id(2), Stake: math.MaxUint64, ValidatorPermit: true},
		{UID: 4, Hotkey: id(3), Stake: math.MaxUint64},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a, b, c := s.StakeShare(id(1)), s.StakeShare(id(2)), s.StakeShare(id(3)); a != .5 || b != .5 || c != 0 {
		t.Errorf("shares %v %v %v", a, b, c)
	}
	if a, b, c := s.StakeBefore(id(1)), s.StakeBefore(id(2)), s.StakeBefore(id(3)); a != .5 || b != 0 || c != 0 {
		t.Errorf("shares before %v %v %v, want them in the order of UIDs", a, b, c)
	}
}

func TestCheckWeights(t *testing.T) {
	s, err := NewSnapshot(header(), []Neuron{
		{UID: 0, Hotkey: id(1), Stake: 5, ValidatorPermit: true},
		{UID: 1, Hotkey: id(2), Stake: 5, ValidatorPermit: true, LastUpdate: 81},
		{UID: 2, Hotkey: id(3), Stake: 5, ValidatorPermit: true, LastUpdate: 80},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := Weights{UIDs: []uint16{0, 1, 2}, Values: []uint16{1, 1, 1}, VersionKey: 3}
	// 1024 weights are wanted, but a subnet of 3 has only 3.
	if err := CheckWeights(s, id(1), all); err != nil {
		t.Error(err)
	}
	if err := CheckWeights(s, id(3), all); err != nil {
		t.Errorf("20 blocks after the last: %v", err)
	}
	if err := CheckWeights(s, id(2), all); !errors.Is(err, TooFast) {
		t.Errorf("19 blocks after the last: %v", err)
	}
	old := all
	old.VersionKey = 2
	if err := CheckWeights(s, id(2), old); !errors.Is(err, WrongVersion) {
		t.Errorf("the version comes before the rate: %v", err)
	}
}

func TestCheckAnnounceKeepsTheRate(t *testing.T) {
	s, err := NewSnapshot(header(), []Neuron{{UID: 0, Hotkey: id(1)}})
	if err != nil {
		t.Fatal(err)
	}
	err = CheckAnnounce(s, id(1), "192.0.2.1:80", 60)
	var refused *Refused
	if !errors.As(err, &refused) || refused.Reason != TooFast || refused.WaitBlocks != 10 || refused.RetryAfter != 2*time.Minute {
		t.Errorf("%#v", err)
	}
	for _, last := range []uint64{0, 50} {
		if err := CheckAnnounce(s, id(1), "192.0.2.1:80", last); err != nil {
			t.Errorf("last change in %d: %v", last, err)
		}
	}
}

func TestUntilDoesNotOverflow(t *testing.T) {
	p := Params{BlockTime: time.Hour}
	if d := p.Until(math.MaxUint64); d != math.MaxInt64 {
		t.Errorf("%v", d)
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"192.0.2.1:80", "[::1]:80", "name.example:443", "[fe80::1%eth0]:1", ":", "[", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEndpoint(s)
		if (err == nil) != (e != "") {
			t.Fatalf("%q gives %q, %v", s, e, err)
		}
		for _, c := range []byte(e) {
			if c <= ' ' || c > '~' || c == '/' || c == '@' {
				t.Fatalf("%q passes with the byte %q", e, c)
			}
		}
	})
}
