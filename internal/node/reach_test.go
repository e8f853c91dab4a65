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
	// Nor is a password told, or port 80 tried where "localhost" was taken for the scheme.
	for _, start := range []string{"http://me:secret@", "ftp://me:secret@", "http://me:secret%%@", "me:secret@"} {
		if err := Reach(t.Context(), strings.Replace(closed, "http://", start, 1)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
	if err := Reach(t.Context(), "localhost:8000"); err == nil || !strings.Contains(err.Error(), `"localhost:8000" is not a URL such as`) {
		t.Errorf("%v", err)
	}
}
