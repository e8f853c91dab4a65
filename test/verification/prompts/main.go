// Command prompts prints conversations for the evaluation on real models, one
// JSON array of messages a line: prompts COUNT. They come from the generator
// that validators probe with, and are the same every time.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"

	"vision/internal/prompt"
)

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "prompts:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: prompts COUNT")
	}
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("read the count: %w", err)
	}
	out := json.NewEncoder(os.Stdout)
	for i := range count {
		if err := out.Encode(conversation(rand.New(rand.NewPCG(uint64(i), 4)))); err != nil {
			return err
		}
	}
	return nil
}

// conversation is short, for the time that the evaluation takes: mostly one
// message of 30 to 300 bytes, now and then with a system message or a turn before.
func conversation(r *rand.Rand) []message {
	turns, bytes := 1, 30+r.IntN(270)
	if r.IntN(4) == 0 {
		turns = 2 + r.IntN(2)
	}
	var messages []message
	for _, turn := range prompt.Turns(r, turns, bytes) {
		messages = append(messages, message{turn.Role, turn.Text})
	}
	return messages
}
