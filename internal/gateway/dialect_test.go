package gateway

import (
	"strings"
	"testing"

	"vision/internal/task"
)

// What a response was translated into is as large as its request, and is not
// held on to for as long as the answer takes.
func TestTheTranslatedChatIsLetGoOf(t *testing.T) {
	x := &exchange{g: &Gateway{}, id: "req-1", event: Event{Path: responsesPath}}
	asked := body{bytes: []byte(`{"model":"m","input":"Good day"}`)}
	chat, err := x.translate(&asked, &task.Task{Name: "m"})
	if err != nil || !strings.Contains(string(chat), "Good day") {
		t.Fatalf("%s, %v", chat, err)
	}
	if held := x.dialect.(*viaResponses).call.Chat; held != nil {
		t.Errorf("the answer's dialect holds the chat, %d bytes", len(held))
	}
}
