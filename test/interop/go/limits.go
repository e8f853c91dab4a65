package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func chatSeveral(ctx context.Context, n *network) error {
	p := rivers(24)
	p.N, p.Temperature, p.Seed = openai.Int(2), openai.Float(1), openai.Int(5)
	c := n.client()
	whole, err := c.Chat.Completions.New(ctx, p)
	if err != nil {
		return err
	}
	stream := c.Chat.Completions.NewStreaming(ctx, p)
	defer stream.Close()
	var all openai.ChatCompletionAccumulator
	for stream.Next() {
		all.AddChunk(stream.Current())
	}
	if err := stream.Err(); err != nil {
		return err
	}
	if len(whole.Choices) != 2 || len(all.Choices) != 2 {
		return fmt.Errorf("%d answers, streamed %d, want 2", len(whole.Choices), len(all.Choices))
	}
	for i := range whole.Choices {
		if text := whole.Choices[i].Message.Content; text == "" || text != all.Choices[i].Message.Content {
			return fmt.Errorf("answer %d is %q, streamed %q", i, text, all.Choices[i].Message.Content)
		}
	}
	return nil
}

// quota spends a project's last money. The SDK must not try again then. It may before, where the
// machine is busy and the balance takes longer to read than a request waits: status 503.
func quota(ctx context.Context, n *network) error {
	refusals, served := 0, 0
	c := n.client(option.WithAPIKey(os.Getenv("VISION_POOR_KEY")), option.WithMaxRetries(3),
		option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			answer, err := next(r)
			if err == nil && answer.StatusCode == http.StatusTooManyRequests {
				refusals++
			}
			return answer, err
		}))
	for i := range 30 {
		p := rivers(200)
		p.Seed, p.Temperature = openai.Int(int64(i)), openai.Float(1)
		_, err := c.Chat.Completions.New(ctx, p)
		if err == nil {
			served++
			continue
		}
		if _, busy := refused(err, http.StatusServiceUnavailable); busy == nil {
			continue
		}
		e, err := refused(err, http.StatusTooManyRequests)
		if err != nil {
			return err
		}
		if served == 0 || refusals != 1 || e.Code != "insufficient_quota" || e.Response.Header.Get("X-Should-Retry") != "false" {
			return fmt.Errorf("after %d that were served, refused %d times: %w", served, refusals, e)
		}
		return nil
	}
	return errors.New("30 requests passed")
}
