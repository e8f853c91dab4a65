package indistinct

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// seen is one request as a miner got it.
type seen struct {
	id    string // X-Request-Id
	head  string // as it came
	body  []byte
	at    time.Time
	miner int
	conn  int // which connection of the miner's
	nth   int // which request on it
	busy  int // how many other requests the miner was serving
	probe bool
}

// spy is a miner that answers at once and writes everything down.
type spy struct {
	n       int
	units   int64
	mu      sync.Mutex // guards the rest
	seen    []seen
	conns   int
	serving atomic.Int64
}

// serve serves one connection until it ends.
func (s *spy) serve(c net.Conn) {
	defer c.Close()
	s.mu.Lock()
	s.conns++
	conn := s.conns
	s.mu.Unlock()
	in := bufio.NewReaderSize(c, 64<<10)
	for nth := 0; ; nth++ {
		var head strings.Builder
		length := 0
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\r\n" {
				break
			}
			head.WriteString(line)
			if name, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(name, "Content-Length") {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		at := time.Now()
		if strings.HasPrefix(head.String(), "GET ") {
			text := fmt.Sprintf(`{"period_seconds":3600,"tasks":[{"task":%q,"units":%d,"slots":0,"spec":{"engine":"vllm","token_ids":true}}]}`, model, s.units)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
			continue
		}
		busy := s.serving.Add(1) - 1
		_, id, _ := strings.Cut(head.String(), "X-Request-Id: ")
		id, _, _ = strings.Cut(id, "\r\n")
		s.mu.Lock()
		s.seen = append(s.seen, seen{id: id, head: head.String(), body: body, at: at, miner: s.n, conn: conn, nth: nth, busy: int(busy)})
		s.mu.Unlock()
		err := answer(c, body)
		s.serving.Add(-1)
		if err != nil {
			return
		}
	}
}

// answer writes ten tokens, or as many as may be.
func answer(w io.Writer, body []byte) error {
	n := 10
	if _, rest, ok := bytes.Cut(body, []byte(`"max_tokens":`)); ok {
		digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
		if most, _ := strconv.Atoi(string(digits)); most > 0 {
			n = min(n, most)
		}
	}
	ids := strings.TrimSuffix(strings.Repeat("5,", n), ",")
	if !bytes.Contains(body, []byte(`"stream":true`)) {
		text := fmt.Sprintf(`{"id":"x","object":"chat.completion","created":1,"model":%q,"prompt_token_ids":[1],"choices":[{"index":0,"message":{"role":"assistant","content":"word"},"token_ids":[%s],"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":%d,"total_tokens":%d}}`, model, ids, n, n+1)
		_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		return err
	}
	events := fmt.Sprintf(`data: {"id":"x","object":"chat.completion.chunk","created":1,"model":%q,"prompt_token_ids":[1],"choices":[{"index":0,"delta":{"role":"assistant","content":"word"},"token_ids":[%s],"finish_reason":"stop"}]}`+"\n\n"+
		`data: {"id":"x","object":"chat.completion.chunk","created":1,"model":%q,"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":%d,"total_tokens":%d}}`+"\n\ndata: [DONE]\n\n", model, ids, model, n, n+1)
	_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(events), events)
	return err
}
