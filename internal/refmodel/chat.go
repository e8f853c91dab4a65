package refmodel

import "fmt"

// ChatTemplate names the way [Chat] renders messages. A checker pins it: a
// different template gives different prompt ids.
//
// vision-ref is
//
//	<|bos|> then for each message <|role|> content <|end|>, then <|assistant|>
//
// with roles system (also called developer), user, assistant and tool.
const ChatTemplate = "vision-ref"

// Message is one turn of a conversation.
type Message struct{ Role, Content string }

// Chat renders messages with [ChatTemplate] up to the point where the
// assistant's answer begins. An unknown role is an error.
func Chat(messages []Message) ([]int, error) {
	ids := []int{TokenBOS}
	for i, m := range messages {
		switch m.Role {
		case "system", "developer":
			ids = append(ids, TokenSystem)
		case "user":
			ids = append(ids, TokenUser)
		case "assistant":
			ids = append(ids, TokenAssistant)
		case "tool", "function":
			ids = append(ids, TokenTool)
		default:
			return nil, fmt.Errorf("message %d has role %q: use system, user, assistant or tool", i, m.Role)
		}
		ids = append(append(ids, Encode(m.Content)...), TokenEnd)
	}
	return append(ids, TokenAssistant), nil
}

// Prompt renders plain text for completion: <|bos|> and the text's tokens.
func Prompt(text string) []int { return append([]int{TokenBOS}, Encode(text)...) }
