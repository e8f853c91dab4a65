package node

import (
	"net"
	"net/http/httptest"
	"strings"
	"testing"
)

// Who starts a miner before its model server, or with another port, is told.
func TestReach(t *testing.T) {
	server := httptest.NewServer(nil)
	defer server.Close()
	if err := Reach(t.Context(), server.URL); err != nil {
		t.Errorf("a server that listens: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	for _, base := range []string{closed, "http://127.0.0.1:999999", ":"} {
		if err := Reach(t.Context(), base); err == nil {
			t.Errorf("%s: no error", base)
		}
	}
	if err := Reach(t.Context(), closed); err == nil || !strings.Contains(err.Error(), "nothing answers at "+closed) {
		t.Errorf("%v", err)
	}
}
