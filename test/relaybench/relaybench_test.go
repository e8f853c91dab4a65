package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// inProcess starts an upstream and a gateway in this process.
func inProcess(t *testing.T, m manner) (upstream, gateway string) {
	t.Helper()
	up, err := startUpstream("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { up.stop() })
	text, _ := json.Marshal(m)
	if err := up.set(text); err != nil {
		t.Fatal(err)
	}
	arg := gatewayArg{Client: "relay", Data: t.TempDir()}
	for n := range miners {
		arg.Miners = append(arg.Miners, up.addrs[fmt.Sprintf("tls%d", n)])
	}
	text, _ = json.Marshal(arg)
	g, err := startGateway(string(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	})
	return up.addrs["plain"], g.addrs["http"]
}

// TestNoStreamBreaks is a small soak: miners that answer before they have read
// the request, which breaks streams of a stock ReverseProxy.
func TestNoStreamBreaks(t *testing.T) {
	_, gateway := inProcess(t, manner{Tokens: 8, Early: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	broken, why, _, err := soak(ctx, gateway, 2000, 16)
	if err != nil || broken > 0 {
		t.Errorf("%d streams broke: %v %v", broken, why, err)
	}
}

// TestLoadNoticesBrokenStreams checks the measure itself.
func TestLoadNoticesBrokenStreams(t *testing.T) {
	for _, response := range []string{
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n0\r\n\r\n", // no [DONE]
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\ndata: [DONE]\n\n",    // no end
		"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
	} {
		theirs, c := pipe(t)
		go func() {
			io.ReadFull(theirs, make([]byte, len(streamRequest)))
			io.WriteString(theirs, response)
			theirs.Close()
		}()
		if _, err := c.stream(nil); err == nil {
			t.Errorf("taken for a whole stream: %q", response)
		}
	}
}

func TestAnswersReachTheCustomer(t *testing.T) {
	upstream, gateway := inProcess(t, manner{Tokens: 2})
	for _, addr := range []string{upstream, gateway} {
		c, err := connect(addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.conn.Close()
		for range 3 {
			if err := c.whole(); err != nil {
				t.Fatal(err)
			}
			if first, err := c.stream(nil); err != nil || first <= 0 {
				t.Fatal(first, err)
			}
		}
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	missed := table(&out, []string{"A", "B"}, []*measure{
		{"good", "µs", [][]float64{{10, 10, 12}, {11, 9, 12}}, 1.2},
		{"noisy", "µs", [][]float64{{10}, {13}}, 1.2},
		{"bad", "µs", [][]float64{{10}, {20}}, 1.2},
		{"free", "µs", [][]float64{{10}, {90}}, 0},
	})
	if missed != 1 {
		t.Errorf("%d targets missed, want 1:\n%s", missed, out.String())
	}
	for _, want := range []string{"1.00 (0.90–1.10)", "reached", "within the noise", "MISSED"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// pipe gives a customer and the other end of its connection.
func pipe(t *testing.T) (net.Conn, *customer) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return theirs, &customer{conn: ours, buf: make([]byte, 16<<10)}
}
