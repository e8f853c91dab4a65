package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/relay"
	"vision/internal/task"
	"vision/internal/transport"
)

// plainClient makes attempts by net/http's client, over HTTP/1.1 or HTTP/2,
// with the same TLS and the same translation of streams as the relay. It is
// for comparison only: it classifies no failure.
type plainClient struct {
	*relay.Client // for Payload
	pool          *http.Transport
}

func newPlainClient(c *relay.Client, d *transport.Dialer, arg gatewayArg) (*plainClient, error) {
	own := *d
	own.NextProtos = []string{"http/1.1"}
	protocols := new(http.Protocols)
	switch arg.Client {
	case "http1":
		protocols.SetHTTP1(true)
	case "http2":
		protocols.SetHTTP2(true)
		own.NextProtos = []string{"h2"}
	default:
		return nil, fmt.Errorf("%q is no client", arg.Client)
	}
	number := map[string]int{}
	for n, addr := range arg.Miners {
		number[addr] = n
	}
	return &plainClient{c, &http.Transport{
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return minerDialer{&own}.Dial(ctx, addr, minerKey(number[addr]).ID())
		},
		Protocols:           protocols,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 8192,
	}}, nil
}

var readBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// Do implements relay.Attempter.
func (p *plainClient) Do(ctx context.Context, call relay.Call, sink relay.Sink) (a relay.Answer) {
	begun := time.Now()
	a.Outcome = outcome.Outcome{Request: call.ID, Try: call.Try, Last: call.Last, Key: call.Key, Source: call.Source,
		Task: call.Task.Name, Miner: call.Peer.Miner, Stream: call.Request.Stream(), Start: begun, Status: outcome.Failed, Reason: "failed"}
	ctx, cancel := context.WithDeadline(ctx, call.By)
	defer cancel()
	if a.Err = p.ask(ctx, &call, sink, &a, begun); a.Err == nil {
		a.Outcome.Status, a.Outcome.Reason = outcome.OK, ""
	}
	a.Outcome.Total = time.Since(begun)
	a.Outcome.Work, a.Outcome.PromptWork = a.Work.Units, a.Work.Prompt
	return a
}

func (p *plainClient) ask(ctx context.Context, call *relay.Call, sink relay.Sink, a *relay.Answer, begun time.Time) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+call.Peer.Addr+call.Kind.Path(), bytes.NewReader(call.Payload))
	if err != nil {
		return err
	}
	r.Header["Content-Type"] = []string{"application/json"}
	r.Header["Accept"] = []string{"application/json"}
	if call.Request.Stream() {
		r.Header["Accept"] = []string{"text/event-stream"}
	}
	r.Header[proto.RequestIDHeader] = []string{call.ID}
	response, err := p.pool.RoundTrip(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	if !call.Request.Stream() {
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		a.Outcome.FirstOutput = time.Since(begun)
		if a.Work, err = call.Kind.Count(body, call.Request); err == nil {
			a.Body, err = call.Kind.Show(body, a.Work, call.Request, call.Task)
		}
		return err
	}
	return p.stream(call, response.Body, sink, a, begun)
}

func (p *plainClient) stream(call *relay.Call, body io.Reader, sink relay.Sink, a *relay.Answer, begun time.Time) error {
	s := openai.NewStream(openai.Options{Limit: proto.MaxEvent, Model: call.Task.Name, TokenIDs: call.Request.Wants().TokenIDs,
		Max: openai.Bounds{Completion: call.Request.Work(), Prompt: task.MostPrompt(call.Request)}})
	for !s.Done() {
		// A buffer for all of the stream: a Reader cannot say that data has come.
		buf := readBuffers.Get().(*[32 << 10]byte)
		n, err := body.Read(buf[:])
		out, wrong := s.Feed(nil, buf[:n])
		readBuffers.Put(buf)
		if wrong != nil {
			return wrong
		}
		if len(out) > 0 {
			if !a.Started {
				a.Started, a.Outcome.FirstOutput = true, time.Since(begun)
			}
			if err := sink.Events(out); err != nil {
				return err
			}
		}
		if err != nil && !s.Done() {
			return err
		}
	}
	t := s.Tally()
	a.Work, a.Finish, a.Meta = task.Work{Units: t.Completion, Prompt: t.Prompt}, t.Finish, s.Meta()
	return nil
}
