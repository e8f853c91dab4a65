#!/usr/bin/env bash
# curl as a client of a live devnet; run.sh runs it among other clients, with
# the same environment. Arguments, if any, are words of scenarios to run.
set -u -o pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
body=$folder/body head=$folder/head
words=("$@")
failed=0

# api STATUS PATH CURL-ARGUMENTS asks with the key and fails unless the status is STATUS.
api() {
  local want=$1 path=$2 got
  shift 2
  got=$(curl -sS -N -m 120 -o "$body" -D "$head" -w '%{http_code}' -H "Authorization: Bearer ${bearer:-$VISION_KEY}" "$VISION_API$path" "$@") || return
  [ "$got" = "$want" ] || { echo "status $got, want $want: $(head -c 600 "$body")"; return 1; }
}

# holds PYTHON is true if the expression is, of the answer a.
holds() {
  python3 -c 'import json,sys; a = json.load(open(sys.argv[1])); ok = eval(sys.argv[2]); sys.exit(0 if ok else f"not so: {sys.argv[2]}: {json.dumps(a)[:600]}")' "$body" "$1"
}

json() { printf '%s' "{\"model\":\"vision-ref-$1\",$2}"; }
rivers='"messages":[{"role":"user","content":"Tell me about rivers."}]'

scenario() { # NAME FUNCTION
  local start=$EPOCHREALTIME code word=ok
  if [ ${#words[@]} -gt 0 ]; then
    local w found=
    for w in "${words[@]}"; do [[ $1 == *"$w"* ]] && found=1; done
    [ -n "$found" ] || return 0
  fi
  (set -e; "$2") >"$folder/log" 2>&1
  code=$?
  [ $code -eq 0 ] || { word=FAILED; failed=1; }
  printf '%-6s %5.1f s  %-17s %s\n' "$word" "$(awk "BEGIN{print $EPOCHREALTIME-$start}")" curl "$1"
  [ $code -eq 0 ] || cat "$folder/log"
}

models() {
  api 200 /models
  holds '{"vision-ref-chat", "vision-ref-embed"} <= {m["id"] for m in a["data"]}'
  api 200 /models/vision-ref-chat
  holds 'a["object"] == "model"'
}

whole() {
  api 200 /chat/completions -d "$(json chat "$rivers,\"max_tokens\":16")"
  holds 'a["choices"][0]["message"]["content"] and a["usage"]["completion_tokens"] <= 16'
  grep -qi '^x-request-id: ' "$head"
}

streamed() {
  api 200 /chat/completions -d "$(json chat "$rivers,\"max_tokens\":40,\"stream\":true,\"stream_options\":{\"include_usage\":true}")"
  grep -qi '^content-type: text/event-stream' "$head"
  [ "$(grep -c '^data: {' "$body")" -ge 6 ]
  grep '^data: ' "$body" | tail -n1 | grep -xF 'data: [DONE]' >/dev/null
  sed -n 's/^data: {/{/p' "$body" | tail -n1 >"$body.last" && mv "$body.last" "$body"
  holds 'a["choices"] == [] and a["usage"]["completion_tokens"] > 4'
}

over_http1_0() { # no chunks: the stream ends with the connection
  api 200 /chat/completions --http1.0 -d "$(json chat "$rivers,\"max_tokens\":8,\"stream\":true")"
  [ "$(grep '^data: ' "$body" | tail -n1)" = 'data: [DONE]' ]
}

tools() {
  api 200 /chat/completions -d "$(json chat "$rivers"',"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}],"tool_choice":"required"')"
  holds 'json.loads(a["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])["city"]'
}

schema() {
  api 200 /chat/completions -d "$(json chat "$rivers"',"response_format":{"type":"json_schema","json_schema":{"name":"w","strict":true,"schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}}}')"
  holds 'list(json.loads(a["choices"][0]["message"]["content"])) == ["city"]'
}

responses() {
  api 200 /responses -d "$(json chat '"input":"Tell me about rivers.","max_output_tokens":16')"
  holds 'a["object"] == "response" and a["output"][0]["content"][0]["text"] and a["usage"]["output_tokens"] <= 16'
  api 200 /responses -d "$(json chat '"input":"Tell me about rivers.","max_output_tokens":16,"stream":true')"
  [ "$(grep -c '^event: response.output_text.delta' "$body")" -ge 5 ]
  grep '^event: ' "$body" | tail -n1 | grep -xE 'event: response\.(completed|incomplete)' >/dev/null
}

images() {
  api 200 /images/generations -d "$(json image '"prompt":"a heron","size":"256x256","steps":8')"
  python3 -c 'import base64,json,sys; raw = base64.b64decode(json.load(open(sys.argv[1]))["data"][0]["b64_json"]); assert raw[:4] == b"\x89PNG" and raw[16:24] == bytes([0,0,1,0])*2' "$body"
}

# Pictures as forms; the one given is one that was made before.
images_given() {
  api 200 /images/generations -d "$(json image '"prompt":"a heron","size":"256x256","steps":8')"
  python3 -c 'import base64,json,sys; sys.stdout.buffer.write(base64.b64decode(json.load(open(sys.argv[1]))["data"][0]["b64_json"]))' "$body" >"$folder/heron.png"
  api 200 /images/edits -F model=vision-ref-edit -F 'image=@'"$folder/heron.png;type=image/png" -F 'prompt=make it winter' -F steps=8
  holds 'len(a["data"]) == 1 and a["data"][0]["b64_json"]'
  api 400 /images/edits -F model=vision-ref-edit -F image=none -F 'prompt=make it winter'
  holds 'a["error"]["param"] == "image"'
  api 200 /images/variations -F model=vision-ref-upscale -F 'image=@'"$folder/heron.png"
  holds 'a["data"][0]["b64_json"]'
}

embeddings() {
  api 200 /embeddings -d "$(json embed '"input":["a heron","a river"],"encoding_format":"float"')"
  holds '[d["index"] for d in a["data"]] == [0, 1] and len(a["data"][0]["embedding"]) > 16'
}

usage() {
  api 200 /usage
  holds 'a["object"] == "usage" and sum(d["requests"] for d in a["data"] if d["model"] == "vision-ref-chat") > 0'
}

errors() {
  bearer=sk-nobody-has-this-key
  api 401 /models
  holds 'a["error"]["code"] == "invalid_api_key"'
  bearer=
  api 404 /chat/completions -d '{"model":"vision-ref-chatt"}'
  holds 'a["error"]["code"] == "model_not_found" and "vision-ref-chat" in a["error"]["message"]'
  api 400 /chat/completions -d "$(json chat "$rivers,\"temperature\":9")"
  holds 'a["error"]["param"] == "temperature" and a["error"]["type"] == "invalid_request_error"'
  api 400 /chat/completions -d 'no JSON'
  holds 'a["error"]["message"]'
  api 405 /chat/completions -X DELETE
  api 404 /nothing-here
  holds 'a["error"]["code"] == "unknown_url"'
}

rate_limit() {
  bearer=$VISION_LIMITED_KEY
  local begun=$EPOCHREALTIME passed=0
  while api 200 /models; do # time gives back what the limit has taken
    passed=$((passed + 1))
    awk "BEGIN { exit !($passed <= $VISION_LIMIT * (1 + ($EPOCHREALTIME - $begun) / 60)) }"
  done
  [ $passed -ge "$VISION_LIMIT" ]
  grep -E '^HTTP/[0-9.]+ 429' "$head" >/dev/null
  holds 'a["error"]["code"] == "rate_limit_exceeded"'
  [ "$(tr -d '\r' <"$head" | sed -nE 's/^retry-after: ([0-9]+)$/\1/Ip')" -ge 1 ]
  tr -d '\r' <"$head" | grep -ixF 'x-ratelimit-remaining-requests: 0' >/dev/null
}

# streaming PID waits until that curl has written something to $folder/stream, or ended.
streaming() {
  until [ -s "$folder/stream" ] || ! kill -0 "$1" 2>/dev/null; do sleep 0.05; done
}

canceled() { curl -fsS -m 60 "$VISION_METRICS" | awk '/^vision_gateway_attempts_total\{.*status="canceled".*vision-ref-chat"/ || /^vision_gateway_attempts_total\{.*vision-ref-chat".*status="canceled"/ {n += $NF} END {print n + 0}'; }

cancel() {
  local before tries i asking noticed=
  before=$(canceled)
  for tries in $(seq 20); do # if we are slow, the answer, which takes more than a second, may be over before
    : >"$folder/stream"
    curl -sS -N -m 120 -o "$folder/stream" -H "Authorization: Bearer $VISION_KEY" "$VISION_API/chat/completions" \
      -d "$(json chat "$rivers,\"stream\":true,\"seed\":14,\"temperature\":1.3,\"max_tokens\":400")" &
    asking=$!
    streaming "$asking"
    kill "$asking" 2>/dev/null || continue
    wait "$asking" || true
    for i in $(seq 20); do
      [ "$(canceled)" -gt "$before" ] && noticed=1 && break 2
      sleep 0.1
    done
  done
  [ -n "$noticed" ] || { echo "the gateway noticed none of $tries cancellations"; return 1; }
  api 200 /chat/completions -d "$(json chat "$rivers,\"max_tokens\":4")"
}

several() {
  api 200 /chat/completions -d "$(json chat "$rivers,\"max_tokens\":12,\"n\":2,\"temperature\":1")"
  holds '[c["index"] for c in a["choices"]] == [0, 1] and all(c["message"]["content"] for c in a["choices"]) and a["usage"]["completion_tokens"] <= 24'
  api 200 /chat/completions -d "$(json chat "$rivers,\"max_tokens\":12,\"n\":2,\"temperature\":1,\"stream\":true")"
  grep -F '"index":0' "$body" >/dev/null
  grep -F '"index":1' "$body" >/dev/null
  [ "$(grep '^data: ' "$body" | tail -n1)" = 'data: [DONE]' ]
}

goes_on() {
  local id
  api 200 /responses -d "$(json chat '"input":"Tell me about rivers.","max_output_tokens":8')"
  id=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["id"])' "$body")
  api 200 /responses -d "$(json chat '"input":"Go on.","max_output_tokens":8,"previous_response_id":"'"$id"'"')"
  holds 'a["previous_response_id"] == "'"$id"'" and a["usage"]["input_tokens"] > 10'
  api 200 "/responses/$id"
  holds 'a["id"] == "'"$id"'"'
  api 200 "/responses/$id" -X DELETE
  holds 'a["deleted"]'
  api 400 /responses -d "$(json chat '"input":"Go on.","previous_response_id":"'"$id"'"')"
  holds 'a["error"]["code"] == "previous_response_not_found" and a["error"]["param"] == "previous_response_id"'
}

# refused CODE asks until the key's limit is reached: status 429 with that code. Where the
# machine is busy, the balance may take longer to read than a request waits (503): it asks again.
refused() {
  local i got served=
  for i in $(seq 30); do
    got=$(curl -sS -m 120 -o "$body" -D "$head" -w '%{http_code}' -H "Authorization: Bearer $bearer" "$VISION_API/chat/completions" \
      -d "$(json chat "$rivers,\"max_tokens\":200,\"temperature\":1,\"seed\":$i")")
    case $got in
      200) served=1 ;;
      503) ;;
      *) break ;;
    esac
  done
  [ "$got" = 429 ] && [ -n "$served" ] || { echo "request $i got status $got: $(head -c 600 "$body")"; return 1; }
  holds 'a["error"]["code"] == "'"$1"'"'
  tr -d '\r' <"$head" >"$folder/lines"
}

quota() {
  for bearer in "$VISION_POOR_KEY" "$VISION_CAPPED_KEY"; do
    refused insufficient_quota
    holds 'a["error"]["type"] == "insufficient_quota"'
    grep -ixF 'x-should-retry: false' "$folder/lines" >/dev/null
  done
}

few_tokens() {
  bearer=$VISION_METERED_KEY
  refused rate_limit_exceeded
  grep -ixF 'x-ratelimit-limit-tokens: 250' "$folder/lines" >/dev/null
  [ "$(sed -nE 's/^retry-after: ([0-9]+)$/\1/Ip' "$folder/lines")" -ge 1 ]
}

one_at_once() {
  local tries asking refused=
  bearer=$VISION_SINGLE_KEY
  for tries in $(seq 20); do # if we are slow, the first may be over before the second is asked
    : >"$folder/stream"
    curl -sS -N -m 120 -o "$folder/stream" -H "Authorization: Bearer $bearer" "$VISION_API/chat/completions" \
      -d "$(json chat "$rivers,\"stream\":true,\"seed\":14,\"temperature\":1.3,\"max_tokens\":400")" &
    asking=$!
    streaming "$asking"
    api 429 /chat/completions -d "$(json chat "$rivers,\"max_tokens\":4")" && refused=1
    wait "$asking"
    [ -z "$refused" ] || break
  done
  [ -n "$refused" ] || { echo "two requests at once were served $tries times"; return 1; }
  holds 'a["error"]["code"] == "concurrency_limit_exceeded"'
  api 200 /chat/completions -d "$(json chat "$rivers,\"max_tokens\":4")"
}

scoped() {
  bearer=$VISION_SCOPED_KEY
  api 403 /chat/completions -d "$(json chat "$rivers,\"max_tokens\":4")"
  holds 'a["error"]["code"] == "model_not_allowed" and a["error"]["type"] == "permission_error"'
  api 200 /embeddings -d "$(json embed '"input":"a heron"')"
  api 200 /models
  holds '[m["id"] for m in a["data"]] == ["vision-ref-embed"]'
}

scenario 'models: list, retrieve' models
scenario 'chat: whole' whole
scenario 'chat: streamed, with usage' streamed
scenario 'chat: streamed over HTTP/1.0' over_http1_0
scenario 'tools: forced' tools
scenario 'schema: JSON of a schema' schema
scenario 'responses: whole, streamed' responses
scenario 'responses: gone on from, shown, forgotten' goes_on
scenario 'chat: two answers, whole and streamed' several
scenario 'images: generate, of the size asked for' images
scenario 'images: edit, vary' images_given
scenario 'embeddings: lists keep their order' embeddings
scenario 'usage: what was asked is in it' usage
scenario 'errors: a wrong key, no such model, bad requests' errors
scenario 'rate limit: status 429 with retry-after' rate_limit
scenario 'money: no balance, no spend limit left: no retry' quota
scenario 'tokens a minute: status 429 with retry-after' few_tokens
scenario 'one request at once: status 429, then served' one_at_once
scenario 'a key for some models: status 403 for others' scoped
scenario 'cancel: in mid-stream; the next request is served' cancel
exit $failed
