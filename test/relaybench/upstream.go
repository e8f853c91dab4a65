package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/hotkey"
	"vision/internal/transport"
)

const (
	network = "relaybench/1"
	miners  = 4 // how many the upstream plays, each with its hotkey and listener
)

// minerKey is the hotkey of a miner; miner number miners is the validator's.
func minerKey(n int) *hotkey.Key { return hotkey.FromSeed([32]byte{1, byte(n)}) }

// manner is how the upstream answers.
type manner struct {
	Tokens   int           // of a stream, on average; each has half to one and a half of it
	First    time.Duration // to the first token: a ReverseProxy breaks streams that answer too soon
	Interval time.Duration // between two tokens; 0: as fast as they can be written
	Idle     bool          // say one token and then nothing until the caller goes
	Early    bool          // answer when the head has come, and read the body afterwards
}

// upstream is the model servers: an HTTP/1.1 server that does next to nothing,
// on plain TCP and behind the miners' mutual TLS.
type upstream struct {
	manner atomic.Pointer[manner]
	frames frames

	mu     sync.Mutex // guards the rest
	conns  map[net.Conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// frames are the parts of answers, as chunks of a body or bare.
type frames struct {
	head, first, token, last []byte
	whole                    []byte
	bareFirst, bareToken     []byte
	bareLast, answer         []byte
}

func newFrames() frames {
	event := func(delta, ids, finish string) string {
		return `data: {"id":"chatcmpl-0123456789abcdef01234567","object":"chat.completion.chunk","created":1760000000,"model":"bench",` +
			`"choices":[{"index":0,"delta":{` + delta + `},` + ids + `"finish_reason":` + finish + "}]}\n\n"
	}
	chunk := func(text string) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(text), text) }
	ids := "1"
	for i := 2; i <= 200; i++ {
		ids += "," + strconv.Itoa(1000+i)
	}
	role := event(`"role":"assistant","content":""`, `"prompt_token_ids":[`+ids+`],`, "null")
	token := event(`"content":" token"`, `"token_ids":[12345],`, "null")
	last := event(``, ``, `"stop"`) + "data: [DONE]\n\n"
	answer := `{"id":"chatcmpl-0123456789abcdef01234567","object":"chat.completion","created":1760000000,"model":"bench","choices":[{"index":0,` +
		`"message":{"role":"assistant","content":"` + strings.Repeat("words ", 95) + `"},"token_ids":[` + strings.Repeat("12345,", 29) +
		`1],"finish_reason":"stop"}],"prompt_token_ids":[1,2,3,4],"usage":{"prompt_tokens":4,"completion_tokens":30,"total_tokens":34}}`
	return frames{
		head:  []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"),
		first: append(chunk(role), chunk(token)...),
		token: chunk(token),
		last:  append(chunk(last), "0\r\n\r\n"...),
		whole: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer),

		bareFirst: []byte(role + token), bareToken: []byte(token), bareLast: []byte(last), answer: []byte(answer),
	}
}

// startUpstream serves on plain TCP ("plain"), as miners over TLS ("tls0" ...)
// and as miners over HTTP/2 ("h2-0" ...).
func startUpstream(string) (service, error) {
	u := &upstream{frames: newFrames(), conns: map[net.Conn]struct{}{}}
	u.manner.Store(&manner{Tokens: 16})
	s := service{addrs: map[string]string{}, stop: u.stop}
	s.set = func(arg json.RawMessage) error {
		var m manner
		if err := json.Unmarshal(arg, &m); err != nil {
			return err
		}
		u.manner.Store(&m)
		return nil
	}
	listen := func(name string) (net.Listener, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			s.addrs[name] = l.Addr().String()
		}
		return l, err
	}
	l, err := listen("plain")
	if err != nil {
		return s, err
	}
	u.serve(l)
	for n := range miners {
		identity, err := transport.NewIdentity(minerKey(n), transport.Options{Network: network})
		if err != nil {
			return s, err
		}
		anyone := func(hotkey.ID) error { return nil }
		if l, err = listen("tls" + strconv.Itoa(n)); err != nil {
			return s, err
		}
		u.serve(transport.Listen(l, identity.ServerTLS(anyone), transport.Limits{}, nil))
		if l, err = listen("h2-" + strconv.Itoa(n)); err != nil {
			return s, err
		}
		config := identity.ServerTLS(anyone)
		config.NextProtos = []string{"h2"}
		u.serveH2(transport.Listen(l, config, transport.Limits{}, nil))
	}
	return s, nil
}

// serve accepts connections until stop.
func (u *upstream) serve(l net.Listener) {
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			u.mu.Lock()
			if u.closed {
				u.mu.Unlock()
				c.Close()
				return
			}
			u.conns[c] = struct{}{}
			u.wg.Go(func() {
				u.converse(c)
				c.Close()
				u.mu.Lock()
				delete(u.conns, c)
				u.mu.Unlock()
			})
			u.mu.Unlock()
		}
	}()
}

// stop ends all connections. The listeners end with the process.
func (u *upstream) stop() error {
	u.mu.Lock()
	u.closed = true
	for c := range u.conns {
		c.Close()
	}
	u.mu.Unlock()
	u.wg.Wait()
	return nil
}

// converse answers the requests of one connection.
func (u *upstream) converse(c net.Conn) {
	r := bufio.NewReader(c)
	body := make([]byte, 0, 4<<10)
	for {
		length, stream, err := readHead(r)
		if err != nil {
			return
		}
		m := *u.manner.Load()
		if m.Early {
			if u.answer(c, m, stream) != nil {
				return
			}
		}
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		if !m.Early && u.answer(c, m, stream) != nil {
			return
		}
	}
}

var errHead = errors.New("not a request")

// readHead reads a request's head: the body's length, and whether a stream is
// asked for, which both proxies' requests say in Accept.
func readHead(r *bufio.Reader) (length int, stream bool, err error) {
	length = -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			if length < 0 {
				return 0, false, errHead
			}
			return length, stream, nil
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(v)); err != nil {
				return 0, false, err
			}
		}
		if v, ok := bytes.CutPrefix(line, []byte("Accept: ")); ok {
			stream = string(v) == "text/event-stream"
		}
	}
}

func (u *upstream) answer(c net.Conn, m manner, stream bool) error {
	f := &u.frames
	if !stream {
		_, err := c.Write(f.whole)
		return err
	}
	time.Sleep(m.First)
	begin := make([]byte, 0, len(f.head)+len(f.first))
	if _, err := c.Write(append(append(begin, f.head...), f.first...)); err != nil {
		return err
	}
	if m.Idle {
		_, err := c.Read(make([]byte, 1))
		return errors.Join(err, io.EOF)
	}
	if err := m.pace(func() error { _, err := c.Write(f.token); return err }); err != nil {
		return err
	}
	_, err := c.Write(f.last)
	return err
}

// pace writes the tokens of a stream after the first.
func (m *manner) pace(write func() error) error {
	start := time.Now()
	for i := range m.Tokens/2 + rand.IntN(m.Tokens+1) - 1 {
		if m.Interval > 0 {
			time.Sleep(time.Until(start.Add(time.Duration(i+1) * m.Interval)))
		}
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// serveH2 serves HTTP/2 by net/http.
func (u *upstream) serveH2(l net.Listener) {
	server := &http.Server{
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: 4096},
		ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			m, f := *u.manner.Load(), &u.frames
			if r.Header.Get("Accept") != "text/event-stream" {
				w.Header().Set("Content-Type", "application/json")
				w.Write(f.answer)
				return
			}
			time.Sleep(m.First)
			w.Header().Set("Content-Type", "text/event-stream")
			w.Write(f.bareFirst)
			flusher := w.(http.Flusher)
			flusher.Flush()
			m.pace(func() error {
				if _, err := w.Write(f.bareToken); err != nil {
					return err
				}
				flusher.Flush()
				return r.Context().Err()
			})
			w.Write(f.bareLast)
		}),
	}
	go server.Serve(l) // ends with the process
}
