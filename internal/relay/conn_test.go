package relay

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
)

// recordConn is a TLS connection that has received some records: each Read
// gives at most the rest of one.
type recordConn struct {
	net.Conn
	records []string
	rest    string // of the record under way
	noWait  bool
	waited  bool // a Read had to wait
}

func (r *recordConn) NetConn() net.Conn { return r }
func (r *recordConn) Ready() bool       { return len(r.records) > 0 }
func (r *recordConn) NoWait(on bool)    { r.noWait = on }

func (r *recordConn) Read(p []byte) (int, error) {
	if r.rest == "" {
		if len(r.records) == 0 {
			if r.noWait {
				return 0, os.ErrDeadlineExceeded
			}
			r.waited = true
			return 0, io.EOF
		}
		r.rest, r.records = r.records[0], r.records[1:]
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestFillTakesAllThatHasCome(t *testing.T) {
	long := strings.Repeat("x", smallRead)
	for _, records := range [][]string{
		{"a token"},
		{"one", "two", "three"},
		{long},
		{long + "more"},
		{long + long + long, "and", long},
	} {
		under := &recordConn{records: records}
		c := newConn(under, Peer{})
		if err := c.fill(); err != nil {
			t.Fatal(err)
		}
		if want := strings.Join(records, ""); string(c.unread()) != want || under.waited {
			t.Errorf("%d bytes of %d, waited %v", len(c.unread()), len(want), under.waited)
		}
		c.r = c.w
		if err := c.fill(); err != io.EOF || c.big != nil {
			t.Errorf("%v; a large buffer is held while nothing comes: %v", err, c.big != nil)
		}
	}
}

func TestFillStopsAtItsBuffer(t *testing.T) {
	under := &recordConn{}
	var want bytes.Buffer
	for range 10 {
		under.records = append(under.records, strings.Repeat("x", 16<<10))
		want.WriteString(under.records[0])
	}
	c, got := newConn(under, Peer{}), 0
	for got < want.Len() {
		if err := c.fill(); err != nil {
			t.Fatal(err)
		}
		if len(c.unread()) > bigRead {
			t.Fatalf("%d bytes at once", len(c.unread()))
		}
		got += len(c.unread())
		c.r = c.w
	}
	if got != want.Len() {
		t.Errorf("%d bytes of %d", got, want.Len())
	}
}
