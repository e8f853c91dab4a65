package nowait

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// pair gives the two ends of a TCP connection on loopback.
func pair(tb testing.TB) (near, far net.Conn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// Far more than the sockets' buffers hold goes through whole, in any pieces.
func TestWriterWritesAll(t *testing.T) {
	near, far := pair(t)
	want := bytes.Repeat([]byte("0123456789abcdef\n"), 1<<20)
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(far)
		got <- all
	}()
	var w Writer
	w.Of(near)
	for rest, size := want, 1; len(rest) > 0; size = size*3 + 1 {
		n := min(size, len(rest))
		if m, err := w.Write(rest[:n]); m != n || err != nil {
			t.Fatalf("wrote %d of %d bytes: %v", m, n, err)
		}
		rest = rest[n:]
	}
	if n, err := w.Write(nil); n != 0 || err != nil {
		t.Fatalf("wrote %d of no bytes: %v", n, err)
	}
	near.Close()
	if !bytes.Equal(<-got, want) {
		t.Error("other bytes came than were sent")
	}
}

func TestWriterKeepsDeadlines(t *testing.T) {
	near, far := pair(t)
	var w Writer
	w.Of(near)
	much := make([]byte, 64<<20)
	var n int
	done := make(chan error, 1)
	go func() {
		var err error
		n, err = w.Write(much)
		done <- err
	}()
	if _, err := far.Read(make([]byte, 1)); err != nil { // it has begun; nobody reads the rest
		t.Fatal(err)
	}
	near.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == len(much) {
		t.Errorf("wrote %d bytes to nobody: %v", n, err)
	}
}

func TestWriterEndsWhenClosed(t *testing.T) {
	near, _ := pair(t)
	var w Writer
	w.Of(near)
	done := make(chan error, 1)
	go func() {
		_, err := w.Write(make([]byte, 64<<20))
		done <- err
	}()
	near.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the write ended with %v", err)
	}
}

func TestWriterSeesTheFarEndGo(t *testing.T) {
	near, far := pair(t)
	far.(*net.TCPConn).SetLinger(0)
	far.Close() // with a reset
	var w Writer
	w.Of(near)
	var err error
	for err == nil { // the system may need a moment to tell
		_, err = w.Write([]byte("x"))
	}
	var op *net.OpError
	if !errors.As(err, &op) || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the write failed with %v", err)
	}
}

// A connection that is not TCP's own is written to by its own Write.
func TestWriterOfAnother(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	var w Writer
	w.Of(near)
	go func() {
		w.Write([]byte("hello"))
		near.Close()
	}()
	if got, _ := io.ReadAll(far); string(got) != "hello" {
		t.Errorf("%q came", got)
	}
}

func TestWriterTakesNoMemory(t *testing.T) {
	near, far := pair(t)
	go io.Copy(io.Discard, far)
	var w Writer
	w.Of(near)
	p := make([]byte, 200)
	if n := testing.AllocsPerRun(100, func() { w.Write(p) }); n > 0 {
		t.Errorf("%v allocations a write", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, which := range []string{"conn", "nowait"} {
		b.Run(which, func(b *testing.B) {
			near, far := pair(b)
			go io.Copy(io.Discard, far)
			var w Writer
			w.Of(near)
			var to io.Writer = &w
			if which == "conn" {
				to = near
			}
			p := make([]byte, 200)
			b.ReportAllocs()
			for b.Loop() {
				to.Write(p)
			}
		})
	}
}
