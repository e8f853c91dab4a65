package transport

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/proto"
)

// A request is signed with the key that was proved on its own connection, even
// after the certificate was replaced, and the server finds that key.
func TestSignedWithTheConnectionsKey(t *testing.T) {
	c := newClock()
	validator, server := identity(t, keyOf(1), c), identity(t, keyOf(2), c)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listen(tcp, server.ServerTLS(anyone), Limits{}, nil)
	verdicts := make(chan error, 4)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdicts <- func() error {
			caller, err := Caller(r)
			if err != nil {
				return err
			}
			key, err := CallerKey(r)
			if err != nil {
				return err
			}
			want := proto.Signed{Network: network, Validator: caller, Miner: server.ID(), Path: r.URL.Path, ID: "id", Body: sha256.Sum256(nil)}
			signature, err := want.ParseSignature(r.Header.Get(proto.SignatureHeader))
			if err != nil {
				return err
			}
			return want.Verify(key, signature)
		}()
	})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	defer func() { s.Close(); <-served }()
	conn, err := (&Dialer{Identity: validator}).DialSigning(t.Context(), tcp.Addr().String(), server.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for range 2 {
		value, err := conn.AppendSignature(nil, proto.Signed{Path: "/x", ID: "id", Body: sha256.Sum256(nil), Expires: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: a\r\n%s: %s\r\nContent-Length: 0\r\n\r\n", proto.SignatureHeader, value)
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if err := <-verdicts; err != nil {
			t.Error(err)
		}
		c.advance(20 * time.Hour) // the validator makes itself another certificate
		if _, err := validator.certificate(); err != nil {
			t.Fatal(err)
		}
	}
	var nobody hotkey.ID
	if _, err := (&Dialer{Identity: validator}).DialSigning(t.Context(), tcp.Addr().String(), nobody); err == nil {
		t.Error("a connection to another hotkey is signed for")
	}
	if _, err := CallerKey(&http.Request{}); err == nil {
		t.Error("plain HTTP has a key")
	}
}
