package transport

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
)

var update = flag.Bool("update", false, "make the worked example anew; docs/protocol.md must then follow")

// vector is the worked example of docs/protocol.md, bytes in hex.
type vector struct {
	Network       string `json:"network"`
	HotkeySeed    string `json:"hotkey_seed"`
	Hotkey        string `json:"hotkey"`
	Address       string `json:"address"`
	TLSSeed       string `json:"tls_ed25519_seed"`
	PublicKeyInfo string `json:"subject_public_key_info"`
	NotBefore     int64  `json:"not_before"`
	NotAfter      int64  `json:"not_after"`
	Message       string `json:"signed_message"`
	Signature     string `json:"signature"`
	Extension     string `json:"extension"`
	Certificate   string `json:"certificate"`
}

const vectorFile = "testdata/binding.json"

func seedBytes(first byte) []byte {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = first + byte(i)
	}
	return seed
}

func makeVector(t *testing.T) vector {
	key := hotkey.FromSeed([32]byte(seedBytes(0x00)))
	tlsKey := ed25519.NewKeyFromSeed(seedBytes(0x20))
	from, to := time.Unix(1_800_000_000, 0), time.Unix(1_800_090_000, 0)
	id := key.ID()
	info := must(x509.MarshalPKIXPublicKey(tlsKey.Public()))
	message := signedMessage("testnet/19", from, to, info)
	signature := key.Sign(message)
	cert, err := issue(key, "testnet/19", tlsKey, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return vector{
		Network: "testnet/19", HotkeySeed: hex.EncodeToString(seedBytes(0x00)),
		Hotkey: hex.EncodeToString(id[:]), Address: id.String(),
		TLSSeed: hex.EncodeToString(seedBytes(0x20)), PublicKeyInfo: hex.EncodeToString(info),
		NotBefore: from.Unix(), NotAfter: to.Unix(),
		Message: hex.EncodeToString(message), Signature: hex.EncodeToString(signature[:]),
		Extension:   hex.EncodeToString(extensionOf(*cert)),
		Certificate: hex.EncodeToString(cert.Certificate[0]),
	}
}

func TestWorkedExample(t *testing.T) {
	now := makeVector(t)
	if *update {
		content, err := json.MarshalIndent(now, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, append(content, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var v vector
	if err := json.Unmarshal(must(os.ReadFile(vectorFile)), &v); err != nil {
		t.Fatal(err)
	}

	// What we make today is what the example says, but for the serial number
	// and so the self-signature.
	today := now
	today.Certificate = v.Certificate
	if today != v {
		t.Errorf("the example has changed:\n got %+v\nwant %+v", today, v)
	}

	// The example's certificate passes our own check, and only then and there.
	cert, err := x509.ParseCertificate(must(hex.DecodeString(v.Certificate)))
	if err != nil {
		t.Fatal(err)
	}
	during := time.Unix(v.NotBefore+1, 0)
	if id, err := verify(cert, v.Network, during); err != nil || id.String() != v.Address {
		t.Errorf("its certificate: %v, %v", id, err)
	}
	_, err = verify(cert, v.Network, time.Unix(v.NotAfter+1, 0))
	wantKind(t, err, ErrExpired)
	_, err = verify(cert, "testnet/20", during)
	wantKind(t, err, ErrBinding)
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		t.Errorf("its self-signature: %v", err)
	}

	// And TLS accepts it.
	c := newClock()
	c.unix.Store(during.Unix())
	m := startMiner(t, minerOptions{clock: c, edit: func(config *tls.Config) {
		config.GetCertificate = nil
		config.Certificates = []tls.Certificate{{
			Certificate: [][]byte{cert.Raw},
			PrivateKey:  ed25519.NewKeyFromSeed(must(hex.DecodeString(v.TLSSeed))),
		}}
	}})
	d := &Dialer{Identity: must(NewIdentity(keyOf(2), Options{Network: network, Clock: c.now}))}
	conn, err := d.Dial(t.Context(), m.address, hotkey.ID(must(hex.DecodeString(v.Hotkey))))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()

	// The page shows these very bytes.
	page := must(os.ReadFile("../../docs/protocol.md"))
	squeezed := strings.Join(strings.Fields(string(page)), "")
	for name, want := range map[string]string{
		"hotkey seed": v.HotkeySeed, "hotkey": v.Hotkey, "address": v.Address, "TLS seed": v.TLSSeed,
		"public key info": v.PublicKeyInfo, "message": v.Message, "signature": v.Signature,
		"extension": v.Extension, "certificate": v.Certificate,
		"OID": hex.EncodeToString(extensionOID(t, cert)),
	} {
		if !strings.Contains(squeezed, want) {
			t.Errorf("docs/protocol.md does not show the example's %s %s", name, want)
		}
	}
}

// extensionOID returns the DER of the OID as the certificate has it.
func extensionOID(t *testing.T, cert *x509.Certificate) []byte {
	der := []byte{0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xfd, 0x59, 0x13, 0x01}
	if bytes.Count(cert.Raw, der) != 1 {
		t.Errorf("the certificate does not contain the OID %x once", der)
	}
	return der
}
