// Command go is the official Go SDK as a client of a live devnet, one line of
// output for each scenario; test/interop/run.sh runs it among other clients.
//
// Where the devnet is comes from the environment: VISION_API, VISION_KEY,
// VISION_METRICS, VISION_LIMITED_KEY with its VISION_LIMIT of requests a minute,
// and VISION_POOR_KEY, whose project has little money. Arguments, if any, are words that names of scenarios to run contain.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// name is what lines of output call this client.
const name = "openai-go"

// timeout bounds one scenario.
const timeout = 5 * time.Minute

const (
	chatModel       = "vision-ref-chat"
	completionModel = "vision-ref-completion"
	imageModel      = "vision-ref-image"
	embeddingModel  = "vision-ref-embed"
)

// scenario is something that the client does, and what must come of it.
type scenario struct {
	name string
	run  func(ctx context.Context, n *network) error
}

// network is where the devnet is.
type network struct {
	api, key, metrics string
	limitedKey        string
	limit             int // requests a minute of limitedKey
}

func main() {
	n := &network{api: os.Getenv("VISION_API"), key: os.Getenv("VISION_KEY"), metrics: os.Getenv("VISION_METRICS"), limitedKey: os.Getenv("VISION_LIMITED_KEY")}
	limit, err := strconv.Atoi(os.Getenv("VISION_LIMIT"))
	if n.limit = limit; err != nil || n.api == "" || n.key == "" {
		fmt.Fprintln(os.Stderr, "the devnet is named by environment variables: use test/interop/run.sh")
		os.Exit(2)
	}
	failed := false
	for _, s := range scenarios {
		if len(os.Args) > 1 && !slices.ContainsFunc(os.Args[1:], func(word string) bool { return strings.Contains(s.name, word) }) {
			continue
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		err := s.run(ctx, n)
		cancel()
		word := "ok"
		if err != nil {
			word, failed = "FAILED", true
		}
		fmt.Printf("%-6s %5.1f s  %-17s %s\n", word, time.Since(start).Seconds(), name, s.name)
		if err != nil {
			fmt.Println(err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

// client is the SDK without retries: what the first answer says is what is tested.
func (n *network) client(options ...option.RequestOption) openai.Client {
	all := []option.RequestOption{option.WithBaseURL(n.api), option.WithAPIKey(n.key), option.WithMaxRetries(0)}
	return openai.NewClient(append(all, options...)...)
}

// refused gives the SDK's error with this status, or says what came in its place.
func refused(err error, status int) (*openai.Error, error) {
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != status {
		return nil, fmt.Errorf("got %w, want an error with status %d", err, status)
	}
	return e, nil
}

// canceled is how many attempts at chats the gateway has counted as canceled.
func (n *network) canceled(ctx context.Context) (total float64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.metrics, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, fmt.Errorf("read the gateway's metrics: %w", err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), "} ")
		if strings.HasPrefix(series, "vision_gateway_attempts_total{") && strings.Contains(series, `status="canceled"`) && strings.Contains(series, chatModel) {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, fmt.Errorf("read the gateway's metrics: %w", err)
			}
			total += v
		}
	}
	return total, nil
}

// notices checks that the gateway counts as canceled what cancel breaks off. It is
// done again while it does not: if we are slow, an answer may be over before.
func (n *network) notices(ctx context.Context, cancel func() error) error {
	before, err := n.canceled(ctx)
	if err != nil {
		return err
	}
	for {
		if err := cancel(); err != nil {
			return err
		}
		for range 50 {
			now, err := n.canceled(ctx) // until ctx ends
			if err != nil || now > before {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}
