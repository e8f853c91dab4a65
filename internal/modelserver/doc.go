// Package modelserver serves the reference model over HTTP the way vLLM serves
// a real one, so that miners and checkers can be built and tested against
// something that answers like production. It is for devnets and tests only.
// Pictures in requests are data URLs, in JSON.
//
//	GET  /health, /v1/models
//	POST /v1/chat/completions   stream or not; tools; response_format; pictures; reasoning; logprobs
//	POST /v1/completions        text or token ids; echo; logprobs; prompt_logprobs
//	POST /v1/images/generations b64_json; num_inference_steps, guidance_scale, seed
//	POST /v1/images/edits       the same with image, strength and, to paint a part, mask
//	POST /v1/images/variations  image, enlarged to size
//	POST /v1/avatars            a face's image, adapter_strength, control_strength
//	POST /v1/embeddings         float or base64; one text or many, pictures among them
//
// Beyond OpenAI it has vLLM's return_token_ids (token_ids in every chunk, and
// prompt_token_ids once: beside choices for chat, inside the choice for
// completions), prompt_logprobs, stop_reason and return_tokens_as_token_ids.
// The end token is counted in usage and listed in token_ids and logprobs; it
// has no text. Log-probabilities are the model's own, before temperature and
// top_p. Fields it does not know are ignored.
//
// Invariants: one event per token, flushed at once; a stream ends with [DONE]
// only if the answer did; generation stops when the client goes away; errors
// have OpenAI's shape and statuses.
//
// Tool calls and answers in JSON are a stub: when tool_choice forces a function, or
// leaves the choice and the user's last message holds a function's name, the
// answer is that function with arguments made up from its schema, in the prompt's
// own words where a string is wanted; response_format json_object and json_schema
// give such an object as the answer's text. The ids and log-probabilities of those
// tokens are the model's, as in guided decoding. With a reasoning_effort of low or
// more the first tokens of an answer come as reasoning_content. A picture in a
// message stands in the prompt as its size.
package modelserver
