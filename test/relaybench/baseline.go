package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// startBaseline serves httputil.ReverseProxy as it comes, in front of the
// plain upstream at addr. Only the pool is made larger, so that it does not
// connect anew all the time.
func startBaseline(addr string) (service, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return service{}, err
	}
	to := &url.URL{Scheme: "http", Host: addr}
	pool := http.DefaultTransport.(*http.Transport).Clone()
	pool.MaxIdleConns, pool.MaxIdleConnsPerHost = 8192, 8192
	server := &http.Server{
		Handler: &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
			Transport: pool,
			ErrorLog:  log.New(io.Discard, "", 0),
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return service{
		addrs: map[string]string{"http": l.Addr().String()},
		set:   func(json.RawMessage) error { return nil },
		stop:  func() error { return shut(server, ended) },
	}, nil
}

// shut ends a server within a few seconds.
func shut(server *http.Server, ended chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
	if err := <-ended; err != http.ErrServerClosed {
		return err
	}
	return nil
}
