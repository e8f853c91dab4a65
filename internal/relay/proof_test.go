package relay

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/hotkey"
	"vision/internal/proto"
)

// signing is a dialer of connections within the process whose requests are signed, so to speak.
type signing func(c net.Conn)

type signingConn struct{ net.Conn }

func (c signingConn) AppendSignature(b []byte, s proto.Signed) ([]byte, error) {
	return append(b, "v1 "+s.ID...), nil
}

func (script signing) Dial(context.Context, string, hotkey.ID) (net.Conn, error) {
	ours, miners := net.Pipe()
	go script(miners)
	return signingConn{ours}, nil
}

// A miner's signature of what it sent is kept with the bytes that it is of, however
// the network cut them.
func TestSignedAnswersKeepTheirProof(t *testing.T) {
	const head = eventStream
	body := token + last + closed
	trailers := "0\r\nOther: x\r\nVision-Answer: v1 1 2 abc\r\n\r\n"
	for _, c := range []struct {
		what, sent string
		stream     bool
		want       string // "" is no proof
	}{
		{"a stream", head + strings.TrimSuffix(chunked(token, last+closed), "0\r\n\r\n") + trailers, true, "v1 1 2 abc"},
		{"a stream whose last line comes apart", head + strings.TrimSuffix(chunked(token, last, "data: [DONE]\n", "\n"), "0\r\n\r\n") + trailers, true, "v1 1 2 abc"},
		{"a stream without", head + chunked(token, last+closed), true, ""},
		{"a stream signed twice", head + strings.TrimSuffix(chunked(token, last+closed), "0\r\n\r\n") + "0\r\nvision-answer: a\r\nVision-Answer: b\r\n\r\n", true, ""},
		{"a value too long", head + strings.TrimSuffix(chunked(token, last+closed), "0\r\n\r\n") + "0\r\nVision-Answer: " + strings.Repeat("a", 300) + "\r\n\r\n", true, ""},
		{"a whole answer", "HTTP/1.1 200 OK\r\nvision-answer: v1 3 4 def\r\n" + sized(answer), false, "v1 3 4 def"},
		{"a whole answer without", "HTTP/1.1 200 OK\r\n" + sized(answer), false, ""},
	} {
		for _, step := range []int{1, 7, 4096} {
			synctest.Test(t, func(t *testing.T) { // time stands still while anybody has something to do
				client := newClient(t, func(config *Config) {
					config.Dialer = signing(func(conn net.Conn) {
						defer conn.Close()
						if request(bufio.NewReader(conn)) == nil {
							return
						}
						for rest := c.sent; rest != ""; rest = rest[min(step, len(rest)):] {
							if _, err := io.WriteString(conn, rest[:min(step, len(rest))]); err != nil {
								return
							}
						}
						conn.Read(make([]byte, 1)) // until the caller has what it wants
					})
				})
				defer client.Close()
				call := newCall(t, client, "miner:1", c.stream)
				a := client.Do(t.Context(), call, &shown{})
				if a.Err != nil {
					t.Fatalf("%s by %d: %v", c.what, step, a.Err)
				}
				got := ""
				if a.Proof != nil {
					got = a.Proof.Answer
					if a.Proof.ID != client.wireID(&call) || a.Proof.Path != "/v1/chat/completions" || time.Until(a.Proof.Expires) <= 0 {
						t.Errorf("%s by %d: the proof is %+v", c.what, step, a.Proof)
					}
				}
				if got != c.want {
					t.Errorf("%s by %d: proof %q, want %q", c.what, step, got, c.want)
				}
				want := answer
				if c.stream {
					want = body
				}
				if string(a.Kept) != want && c.want != "" {
					t.Errorf("%s by %d: kept %q", c.what, step, a.Kept)
				}
				if e := Entry(&call, &a, true); (e.Sample.Proof != nil) != (c.want != "") {
					t.Errorf("%s by %d: the sample's proof is %q", c.what, step, e.Sample.Proof)
				}
			})
		}
	}
}
