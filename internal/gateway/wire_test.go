package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// memoryConn is a connection's writing half.
type memoryConn struct {
	net.Conn
	bytes.Buffer
	writes int
}

func (m *memoryConn) Read([]byte) (int, error) { return 0, io.EOF }

func (m *memoryConn) Write(p []byte) (int, error) { m.writes++; return m.Buffer.Write(p) }

func (m *memoryConn) SetWriteDeadline(time.Time) error { return nil }

// Whatever is written, a client reads it back, and nobody else's header.
func TestWireIsHTTP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &memoryConn{}
		w := &wire{conn: &conn{Conn: m}, header: http.Header{}}
		w.out.Of(m)
		value := rapid.StringOf(rapid.RuneFrom([]rune("ab :\r\n"))).Draw(t, "value")
		status := rapid.SampledFrom([]int{200, 400, 503}).Draw(t, "status")
		pieces := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "pieces")
		if rapid.Bool().Draw(t, "large") {
			pieces = append(pieces, bytes.Repeat([]byte("z"), fullWire+5))
		}
		want := bytes.Join(pieces, nil)
		w.Header()["X-Name"] = []string{value}
		sized := rapid.Bool().Draw(t, "sized")
		if sized {
			w.Header().Set("Content-Length", fmt.Sprint(len(want)))
		}
		last := rapid.Bool().Draw(t, "last")
		if last {
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(status)
		for _, p := range pieces {
			before := m.writes
			if n, err := w.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
			if w.FlushError(); m.writes > before+1 {
				t.Fatalf("%d writes for one flush", m.writes-before)
			}
		}
		if again := w.end(time.Second); again == last {
			t.Fatalf("takes another request: %v", again)
		}
		m.WriteString("next")
		in := bufio.NewReader(&m.Buffer)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(body, want) || resp.StatusCode != status || resp.Close != last {
			t.Fatalf("%d, %d bytes of %d, close %v: %v", resp.StatusCode, len(body), len(want), resp.Close, err)
		}
		clean := strings.TrimSpace(strings.NewReplacer("\r", " ", "\n", " ").Replace(value))
		if got := resp.Header.Get("X-Name"); got != clean || len(resp.Header) > 4 {
			t.Fatalf("header %q, want %q", resp.Header, clean)
		}
		if rest, _ := io.ReadAll(in); string(rest) != "next" {
			t.Fatalf("after the response: %q", rest)
		}
	})
}
