package gateway

import (
	"errors"
	"net/http"
	"strings"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/openai/responses"
)

// Responses are remembered for the key that asked for them, and those made in
// its place, by this process alone.

// past is what a request may refer to.
func (x *exchange) past() responses.Past {
	if x.g.recent == nil || x.holder == nil {
		return responses.Past{}
	}
	return responses.Past{Recent: x.g.recent, Owner: rootOf(&x.holder.key), Now: x.arrived, Most: x.g.Limits.Body}
}

// forgotten is for a request that refers to what is not remembered. It may have
// been answered when it still was: then the first answer is given again.
func (x *exchange) forgotten(body []byte, err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != responses.NoPrevious && e.Code != responses.NoItem {
		return err
	}
	if answered, failed := x.once(body); answered || failed != nil {
		return failed
	}
	return err
}

// response serves a response of the past: GET shows it, DELETE forgets it.
func (x *exchange) response(id string) error {
	x.event.Path = "" // of which the id is a part; it counts for the path without, once it is known
	deletes := x.r.Method == http.MethodDelete
	if x.r.Method != http.MethodGet && !deletes || strings.Contains(id, "/") {
		return noResponse()
	}
	if err := x.admit(); err != nil {
		return err
	}
	x.event.Path = responsesPath
	past := x.past()
	switch {
	case past.Recent == nil:
		return noResponse()
	case deletes:
		if !past.Recent.Delete(past.Owner, id, past.Now) {
			return noResponse()
		}
		out := openai.AppendString(append(x.out[:0], `{"id":`...), id)
		x.event.Status = http.StatusOK
		x.respond(http.StatusOK, append(out, `,"object":"response","deleted":true}`...))
		return nil
	}
	object := past.Recent.Get(past.Owner, id, past.Now)
	if object == nil {
		return noResponse()
	}
	if x.r.URL.Query().Get("stream") == "true" {
		return fault.BadParam("stream", "A response of the past is not streamed: leave stream out.")
	}
	x.event.Status = http.StatusOK
	x.respond(http.StatusOK, object)
	return nil
}

func noResponse() error {
	return fault.New(fault.NotFound, "response_not_found",
		"There is no such response: they are remembered for a while at most, by the process that gave them. Send POST %s with the whole conversation as its input.", responsesPath)
}
