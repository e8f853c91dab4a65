package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"time"

	"vision/internal/config"
	"vision/internal/modelserver"
	"vision/internal/task"
)

// runToyServer is a model server for who wants to try a private network
// before buying a GPU.
func runToyServer(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	listen := flags.String("listen", "127.0.0.1:8000", "where to serve, host:port")
	file := flags.String("catalogue", "", "the catalogue whose tasks it answers to; the devnet's if empty")
	pace := flags.Float64("tokens-per-second", 120, "how fast each text is written; 0 is as fast as it goes")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if *pace < 0 {
		return usagef("--tokens-per-second is %v, want 0 or more", *pace)
	}
	var c *task.Catalogue
	var err error
	if *file == "" {
		c, err = config.ParseCatalogue("devnet.yaml", config.DevnetCatalogue())
	} else {
		c, err = config.LoadCatalogue(*file)
	}
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: modelserver.New(modelserver.For(c, *pace)), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	fmt.Fprintf(t.out, "toy models at http://%s\n", listener.Addr())
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
