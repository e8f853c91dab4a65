// Package responses translates between OpenAI's Responses API and chat
// completions, which is what models are asked in. It is pure: bytes in, bytes
// out.
//
//	body of /v1/responses ──Read──► Call.Chat: body of /v1/chat/completions
//	whole chat answer ──Call.Answer──► response object ──Call.Remember──► Recent
//	chat events ──Stream.Feed, then End or Fail──► response events
//
// A Stream's events follow one another as OpenAI's do:
//
//	response.created, response.in_progress
//	for each item of output, in turn:
//	  response.output_item.added
//	  response.content_part.added            (not of function calls)
//	  response.output_text.delta …           (or refusal, reasoning_text,
//	  response.output_text.done               function_call_arguments)
//	  response.content_part.done
//	  response.output_item.done
//	response.completed, or response.incomplete where the answer was cut off at
//	max_output_tokens; or error and then response.failed
//
// Function calls may be under way side by side; they all end at the stream's end.
//
// Invariants: sequence numbers count up from 0 without a gap; every item and
// part that was added is done before a response is completed or incomplete;
// the last event tells how it ended, and without one it has not; the text of
// deltas is the text of the response. Text is copied as it was written in JSON,
// never decoded. Read's errors are *fault.Error of kind Invalid whose Param is
// the field as the caller wrote it; of kind NotFound where an item is not
// remembered, and TooLarge where too much of what is would be repeated. Answers come from openai.Stream and
// openai.CountAnswer and are known to be well formed; what is not as expected
// in them is left out, never an error: a Stream cannot fail.
//
// What refers to an earlier response (previous_response_id, item_reference) is
// put in its place when a request is read, as far as Recent remembers it: a
// bounded memory, the one thing here that outlives a request. What would need
// more than that (conversation, background) is refused.
package responses
