package imagefetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"vision/internal/fault"
	"vision/internal/picture"
)

// Config bounds what is fetched. 0 in any field is its default.
type Config struct {
	// Bytes is the most that a file may have. Default 8 MiB.
	Bytes int64
	// Timeout bounds one fetch, redirects included. Default 10 s.
	Timeout time.Duration
	// Redirects is how many are followed. Default 3; negative: none.
	Redirects int
	// AtOnce is how many fetches may be under way. Default 32.
	AtOnce int
	// Private lets loopback and private addresses be fetched from. It is for
	// tests and networks on one machine: customers could read what only this
	// machine can reach.
	Private bool
}

func (c Config) filled() Config {
	if c.Bytes == 0 {
		c.Bytes = 8 << 20
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Redirects == 0 {
		c.Redirects = 3
	}
	if c.AtOnce == 0 {
		c.AtOnce = 32
	}
	return c
}

// Fetcher fetches pictures. It is safe for concurrent use.
type Fetcher struct {
	config Config
	client *http.Client
	turns  chan struct{} // one for each fetch that may be under way
	// own gives the addresses of this host, read anew for each dial: they change.
	own func() ([]net.Addr, error)
}

// New makes a Fetcher.
func New(c Config) *Fetcher {
	c = c.filled()
	f := &Fetcher{config: c, turns: make(chan struct{}, c.AtOnce), own: net.InterfaceAddrs}
	dialer := &net.Dialer{Timeout: c.Timeout, Control: f.control}
	f.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // the environment's would be asked in our place, and connect to anything
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true, // what was public when it was dialled may be somebody else's later
			DisableCompression:     true,
			TLSHandshakeTimeout:    c.Timeout,
			ResponseHeaderTimeout:  c.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      false,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > max(c.Redirects, 0) {
				return errRedirects
			}
			r.Header.Del("Referer")
			return check(r.URL)
		},
	}
	return f
}

var (
	errAddress   = errors.New("its address is not one to connect to")
	errConnect   = errors.New("its server could not be connected to, or its address is not public")
	errRedirects = errors.New("it redirects too often")
)

// control is called with each address before it is connected to.
func (f *Fetcher) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return errAddress
	}
	if f.config.Private {
		return nil
	}
	if !public(at.Addr()) {
		return errAddress
	}
	own, err := f.own()
	if err != nil {
		return fmt.Errorf("listing the addresses of this host: %w", err)
	}
	if among(own, at.Addr()) {
		return errAddress
	}
	return nil
}

// check says whether a URL is one that is followed at all.
func check(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("its scheme is neither http nor https")
	case u.User != nil:
		return errors.New("it holds a user name")
	case u.Hostname() == "":
		return errors.New("it names no host")
	}
	return nil
}

// Fetch gives the file that a link leads to. Its errors are *fault.Error.
func (f *Fetcher) Fetch(ctx context.Context, link string) ([]byte, error) {
	u, err := url.Parse(link)
	if err == nil {
		err = check(u)
	} else {
		err = errors.New("it is not a URL")
	}
	if err != nil {
		return nil, refuse(err)
	}
	ctx, cancel := context.WithTimeout(ctx, f.config.Timeout)
	defer cancel()
	select {
	case f.turns <- struct{}{}:
		defer func() { <-f.turns }()
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) { // another of the request's links failed, or nobody waits any more
			return nil, f.explain(ctx.Err())
		}
		e := fault.Wrap(ctx.Err(), fault.Unavailable, "overloaded", "Too many pictures are being fetched. Try again soon.")
		e.RetryAfter = 2 * time.Second
		return nil, e
	}
	file, err := f.get(ctx, u)
	if err != nil {
		return nil, f.explain(err)
	}
	return file, nil
}

func (f *Fetcher) get(ctx context.Context, u *url.URL) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("it is not a URL")
	}
	var connected atomic.Bool // to whichever server is asked now, after redirects
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { connected.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	r.Header.Set("Accept", "image/*")
	r.Header.Set("User-Agent", "vision-gateway")
	answer, err := f.client.Do(r)
	if err != nil && !connected.Load() {
		return nil, fmt.Errorf("%w: %w", errConnect, err)
	}
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, &said{fmt.Sprintf("its server answered with status %d", answer.StatusCode)}
	}
	if answer.ContentLength > f.config.Bytes {
		return nil, f.tooLarge()
	}
	file, err := io.ReadAll(io.LimitReader(answer.Body, f.config.Bytes+1))
	switch {
	case int64(len(file)) > f.config.Bytes:
		return nil, f.tooLarge()
	case err != nil:
		return nil, err
	case picture.MediaType(file) == "":
		return nil, &said{"it does not lead to a picture in " + picture.Formats}
	}
	return file, nil
}

// said is an error whose text the customer may see.
type said struct{ text string }

func (e *said) Error() string { return e.text }

func (f *Fetcher) tooLarge() error {
	return &said{fmt.Sprintf("it leads to more than %d bytes", f.config.Bytes)}
}

// explain tells the customer what of an error is about the URL.
func (f *Fetcher) explain(err error) error {
	var own *said
	var timeout net.Error
	switch {
	case errors.As(err, &own):
		return refuse(own)
	case errors.Is(err, errRedirects):
		return refuse(errRedirects)
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Canceled, "canceled", "The request was cancelled.")
	case errors.Is(err, errConnect): // for whatever reason: no scan of networks is to learn it
		return refuse(errConnect)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return refuse(fmt.Errorf("its server did not answer within %v", f.config.Timeout))
	}
	e := refuse(errors.New("its server could not be reached, or broke off"))
	e.Cause = err
	return e
}

// refuse is what a customer is told of a link; the gateway adds the field.
func refuse(why error) *fault.Error {
	return fault.New(fault.Invalid, "invalid_image_url", "The URL of a picture cannot be used: %v.", why)
}
