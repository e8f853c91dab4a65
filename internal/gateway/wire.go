package gateway

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"vision/internal/nowait"
)

// wire writes the response of a detached stream to its connection, as HTTP/1.1.
// It is the http.ResponseWriter of an exchange, and keeps no buffer between
// events. A body without Content-Length is sent in chunks.
type wire struct {
	conn    *conn
	header  http.Header // nil once it is written
	unsent  *[]byte     // borrowed; nil: nothing
	out     nowait.Writer
	begun   bool // the header is written
	chunked bool
	last    bool // the response says that the connection ends
	failed  bool // a write did: the customer is gone
}

// wireBuffers lends room for what is written at once.
var wireBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

const (
	fullWire = 64 << 10  // what is sent without being asked to
	keptWire = 128 << 10 // larger buffers are not kept for the next write
)

// Header implements http.ResponseWriter. After WriteHeader it has no effect.
func (w *wire) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter.
func (w *wire) WriteHeader(status int) {
	if w.begun {
		return
	}
	b := w.room()
	*b = append(*b, "HTTP/1.1 "...)
	*b = strconv.AppendInt(*b, int64(status), 10)
	*b = append(*b, ' ')
	*b = append(*b, http.StatusText(status)...)
	*b = append(*b, "\r\nDate: "...)
	*b = time.Now().UTC().AppendFormat(*b, http.TimeFormat)
	*b = append(*b, "\r\n"...)
	w.begun, w.chunked = true, true
	for name, values := range w.header {
		switch name {
		case "Content-Length":
			w.chunked = false
		case "Connection":
			w.last = true // nobody sets it but to "close"
		}
		for _, v := range values {
			*b = appendField(*b, name, v)
		}
	}
	if w.chunked {
		*b = append(*b, "Transfer-Encoding: chunked\r\n"...)
	}
	*b = append(*b, "\r\n"...)
	w.header = nil
}

// appendField appends a header's line. No value can end it early.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	at := len(b)
	b = append(b, value...)
	for i, c := range b[at:] {
		if c == '\r' || c == '\n' {
			b[at+i] = ' '
		}
	}
	return append(b, "\r\n"...)
}

// room is where to append what is to be sent.
func (w *wire) room() *[]byte {
	if w.unsent == nil {
		w.unsent = wireBuffers.Get().(*[]byte)
	}
	return w.unsent
}

// Write implements http.ResponseWriter. What it is given is sent by the next
// FlushError, or earlier if it is much.
func (w *wire) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if len(p) == 0 {
		return 0, nil
	}
	b := w.room()
	if w.chunked {
		*b = strconv.AppendInt(*b, int64(len(p)), 16)
		*b = append(*b, "\r\n"...)
	}
	*b = append(*b, p...)
	if w.chunked {
		*b = append(*b, "\r\n"...)
	}
	if len(*b) >= fullWire {
		if err := w.FlushError(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// FlushError sends what is not sent yet, in one write.
func (w *wire) FlushError() error {
	b := w.unsent
	if b == nil {
		return nil
	}
	w.unsent = nil
	_, err := w.out.Write(*b)
	if cap(*b) <= keptWire {
		*b = (*b)[:0]
		wireBuffers.Put(b)
	}
	w.failed = w.failed || err != nil
	return err
}

// SetWriteDeadline is for http.ResponseController.
func (w *wire) SetWriteDeadline(t time.Time) error { return w.conn.Conn.SetWriteDeadline(t) }

// end ends the response within a time, and says whether the connection takes
// another request.
func (w *wire) end(within time.Duration) (again bool) {
	if !w.begun || w.failed {
		return false
	}
	if w.chunked {
		b := w.room()
		*b = append(*b, "0\r\n\r\n"...)
	}
	w.SetWriteDeadline(time.Now().Add(within))
	if w.FlushError() != nil || w.last {
		return false
	}
	w.SetWriteDeadline(time.Time{}) // for the next request
	return true
}
