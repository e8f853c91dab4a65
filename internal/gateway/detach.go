package gateway

import (
	"context"
	"net/http"

	"vision/internal/task"
)

// A stream spends most of its life waiting for a token, and while its handler
// runs net/http holds on to a deep stack, three buffers and the request for it.
// So once a request for a stream has been read, its connection is taken from
// the server, and a goroutine of ours does the rest with a wire. The Listener
// gives the connection back for the next request.
//
// Requests that are not for streams, that ask for the connection's end, are not
// of HTTP/1.1, or come by a listener of somebody else's are served by the
// handler to their end. Except for memory, customers cannot tell.

// detachable says whether the rest of a request can do without the server.
func (x *exchange) detachable() bool {
	r := x.r
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.Close {
		return false
	}
	return r.Context().Value(connKey{}) != nil
}

// postpone leaves the attempts to whoever calls detach.
func (x *exchange) postpone(t *task.Task, kind task.Kind, req task.Request) {
	x.later = true
	x.call.Task, x.call.Kind, x.call.Request = t, kind, req
}

// detach goes on with a request that was postponed, without the server if it
// lets go of the connection.
func (x *exchange) detach() {
	x.later = false
	nc, unread, err := x.rc.Hijack()
	if err != nil {
		x.finishAttached()
		return
	}
	c := nc.(*conn) // or there would be none in the request's context
	// What is needed of the request is its context, and this one is ours: the
	// server's ends when the handler returns.
	ctx, cancel := context.WithCancel(x.g.base)
	x.r = new(http.Request).WithContext(ctx)
	w := &wire{conn: c, header: x.w.Header()}
	w.out.Of(c.Conn)
	x.w, x.rc = w, http.NewResponseController(w)
	gone := cancel
	if x.claim != nil {
		gone = func() {}
	}
	early, _ := unread.Reader.Peek(unread.Reader.Buffered())
	c.detached(early, gone)
	go x.finishDetached(w, cancel)
}

// finishAttached does in the handler what was postponed.
func (x *exchange) finishAttached() {
	defer x.g.leave()
	defer x.end()
	x.resume()
}

// finishDetached does what was postponed, on a goroutine of its own.
func (x *exchange) finishDetached(w *wire, cancel context.CancelFunc) {
	defer x.g.leave()
	defer func() {
		if w.end(x.g.Limits.Write) {
			w.conn.giveBack(idleTimeout)
		} else {
			w.conn.Conn.Close()
		}
		cancel()
	}()
	defer x.end()
	x.resume()
}

func (x *exchange) resume() {
	if err := x.attempts(x.call.Task, x.call.Kind, x.call.Request); err != nil {
		x.fail(err)
	}
}
