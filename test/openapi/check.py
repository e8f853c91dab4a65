"""Compares a running access point with its own description.

The document at /openapi.json must be valid OpenAPI 3.1, and what the access
point really answers must be what the document says: status, headers, bodies,
errors and every event of a stream. Schemas are taken strictly here: a field
that a schema does not name is a mistake, unless the schema says that it takes
others. So a field that the code gains must be described, or this fails.

Environment: VISION_API, the base URL; VISION_KEY; VISION_LIMITED_KEY, a key
that may send VISION_LIMIT requests a minute.
"""

import copy
import http.client
import json
import os
import re
import sys
import time
import urllib.parse

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

API = os.environ["VISION_API"]
KEY = os.environ["VISION_KEY"]
LIMITED = os.environ["VISION_LIMITED_KEY"]
LIMIT = int(os.environ["VISION_LIMIT"])
OURS = re.compile(r"^(x-(request-id|ratelimit-.*|vision-.*)|retry-after|idempoten.*)$")

mistakes = []
seen = {}  # (path, method) -> statuses
checked = {"answers": 0, "events": 0}


def mistake(where, text):
    mistakes.append(f"{where}: {text}")


def strict(schema):
    """A schema that takes no fields but those it names."""
    if isinstance(schema, list):
        return [strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: v if k in ("enum", "const", "examples", "default") else strict(v) for k, v in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        out["additionalProperties"] = False
    return out


class Description:
    def __init__(self, text):
        self.doc = json.loads(text)
        OpenAPIV31SpecValidator(self.doc).validate()
        self.strict = copy.deepcopy(self.doc)
        self.strict["components"]["schemas"] = strict(self.doc["components"]["schemas"])

    def follow(self, node):
        while "$ref" in node:
            at = self.doc
            for name in node["$ref"].removeprefix("#/").split("/"):
                at = at[name]
            node = at
        return node

    def problems(self, value, schema):
        whole = {"components": self.strict["components"], **strict(schema)}
        for e in Draft202012Validator(whole).iter_errors(value):
            yield f"{e.json_path}: {e.message[:300]}"


def send(*args, **more):
    """Sends a request, again where the answer is that all miners are busy at this moment."""
    while True:
        status, headers, raw = sent = send_once(*args, **more)
        if status != 503 or "retry-after" not in headers:
            return sent
        time.sleep(int(headers["retry-after"]))


def send_once(method, path, body=None, key=KEY, announced=None, idempotency=None):
    """Gives status, headers by their lower-case names, and the body's bytes.

    announced is a length that is said in place of the body's; nothing is sent
    of such a body, for the answer comes before it would.
    """
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    if data is not None:
        headers["Content-Type"] = "application/json"
    if idempotency is not None:
        headers["Idempotency-Key"] = idempotency
    if announced is not None:
        headers["Content-Length"] = str(announced)
        data = None
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(API).netloc, timeout=240)
    try:
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def exchange(d, method, path, body=None, want=200, template=None, **more):
    """Sends a request and compares the answer with the description."""
    template = template or path
    where = f"{method} {path} ({json.dumps(body)[:120] if not isinstance(body, bytes) else len(body)})"
    status, headers, raw = send(method, path, body, **more)
    seen.setdefault((template, method.lower()), set()).add(status)
    checked["answers"] += 1
    if status != want:
        mistake(where, f"answered {status}, not {want}: {raw[:300]!r}")
        return None
    operation = d.doc["paths"].get(template, {}).get(method.lower())
    if operation is None:
        mistake(where, "is not described")
        return None
    if str(status) not in operation["responses"]:
        mistake(where, f"answers {status}, which is not described")
        return None
    response = d.follow(operation["responses"][str(status)])
    compare_headers(d, where, response, headers)
    kind = headers.get("content-type", "").split(";")[0]
    content = response.get("content", {}).get(kind)
    if content is None:
        mistake(where, f"answers {kind}, which is not described")
        return None
    if kind == "text/event-stream":
        return compare_events(d, where, content["x-event-schema"], raw)
    value = json.loads(raw)
    for p in d.problems(value, content["schema"]):
        mistake(where, p)
    return value


def compare_headers(d, where, response, headers):
    described = {name.lower(): d.follow(h) for name, h in response.get("headers", {}).items()}
    if "x-request-id" not in headers:
        mistake(where, "has no x-request-id")
    for name, value in headers.items():
        if not OURS.match(name):
            continue
        if name not in described:
            mistake(where, f"has the header {name}, which is not described")
            continue
        for p in d.problems(value, described[name]["schema"]):
            mistake(where, f"the header {name}: {p}")


def compare_events(d, where, schema, raw):
    events = []
    done = False
    for block in raw.decode().split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        if done:
            mistake(where, f"goes on after [DONE]: {block[:200]}")
        data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        if len(data) != 1 or len(data) + len(names) != len(lines):
            mistake(where, f"an event is {block[:200]!r}")
            continue
        if data[0] == "[DONE]":
            done = True
            continue
        value = json.loads(data[0])
        checked["events"] += 1
        if names and names != [value.get("type")]:
            mistake(where, f"an event is named {names} and says {value.get('type')}")
        for p in d.problems(value, schema):
            mistake(where, f"event {len(events)}: {p}")
        events.append(value)
    if not events or not (done or events[-1].get("type", "").startswith("response.")):
        mistake(where, f"ends without its end after {len(events)} events")
    return events


def examples(d, template):
    operation = d.doc["paths"][template]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema, d.follow(schema).get("examples", [])


def fitting(example, models):
    """The model that an example is for: with a mask it is inpaint's."""
    for m in models:
        if (m["kind"] == "inpaint") == ("mask" in example):
            return m["id"]
    return None


def served(d, template, models):
    """Sends what the document gives as examples, and what it says is wrong."""
    schema, all_examples = examples(d, template)
    sent = 0
    for example in all_examples:
        model = fitting(example, models)
        if model is None:
            continue
        sent += 1
        body = {**example, "model": model}
        for p in d.problems(body, schema):
            mistake(f"the example of {template}", p)
        exchange(d, "POST", template, body)
        properties = d.follow(schema)["properties"]
        if "stream" in properties:
            exchange(d, "POST", template, {**body, "stream": True})
            if "stream_options" in properties:
                exchange(d, "POST", template, {**body, "stream": True, "stream_options": {"include_usage": True}})
        for name in d.follow(schema)["required"]:
            exchange(d, "POST", template, {k: v for k, v in body.items() if k != name}, want=400)
        exchange(d, "POST", template, {**body, "model": "no-such-model"}, want=404)
        exchange(d, "POST", template, body, key=None, want=401)
        for name in ("temperature", "n", "num_inference_steps"):
            if name in properties:
                exchange(d, "POST", template, {**body, name: -7}, want=400)
    if not sent:
        mistake(template, "a model is on sale, and no example is for it")


def particular(d, models):
    """What examples do not show."""
    by_kind = {m["kind"]: m["id"] for m in models}
    chat, text, vector = by_kind.get("chat"), by_kind.get("completion"), by_kind.get("embedding")
    hello = [{"role": "user", "content": "Tell me about rivers."}]
    if chat:
        path = "/v1/chat/completions"
        for more in (
            {"logprobs": True, "top_logprobs": 2},
            {"return_token_ids": True},
            {"stop": ["river", "."], "seed": 3, "temperature": 0},
            {"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}],
             "tool_choice": {"type": "function", "function": {"name": "weather"}}},
        ):
            for stream in (False, True):
                exchange(d, "POST", path, {"model": chat, "messages": hello, "max_tokens": 24, "stream": stream, **more})
        exchange(d, "POST", path, b"{not json", want=400)
        exchange(d, "POST", path, b"", want=400)
        exchange(d, "POST", path, {}, want=413, announced=1 << 40)
        first = exchange(d, "POST", path, {"model": chat, "messages": hello, "max_tokens": 8}, idempotency="one")
        again = exchange(d, "POST", path, {"model": chat, "messages": hello, "max_tokens": 8}, idempotency="one")
        if first != again:
            mistake(path, f"an idempotency key gives {first}, then {again}")
        exchange(d, "POST", path, {"model": chat, "messages": hello, "max_tokens": 9}, want=422, idempotency="one")
        responses = {"model": chat, "input": "Tell me about rivers.", "max_output_tokens": 16}
        if "/v1/responses" in d.doc["paths"]:
            for more in ({"include": ["message.output_text.logprobs"], "top_logprobs": 1}, {"metadata": {"a": "b"}, "temperature": 0.5}):
                for stream in (False, True):
                    exchange(d, "POST", "/v1/responses", {**responses, "stream": stream, **more})
            made = exchange(d, "POST", "/v1/responses", responses)
            if made:
                one, template = "/v1/responses/" + made["id"], "/v1/responses/{response}"
                exchange(d, "POST", "/v1/responses", {**responses, "previous_response_id": made["id"]})
                if exchange(d, "GET", one, template=template) != made:
                    mistake(one, "is not as it was answered")
                exchange(d, "GET", one + "?stream=true", template=template, want=400)
                exchange(d, "DELETE", one, template=template)
                exchange(d, "DELETE", one, template=template, want=404)
                exchange(d, "GET", one, template=template, want=404)
                exchange(d, "GET", one, template=template, want=401, key=None)
                exchange(d, "POST", "/v1/responses", {**responses, "previous_response_id": made["id"]}, want=400)
                exchange(d, "POST", "/v1/responses", {**responses, "input": [{"type": "item_reference", "id": made["output"][0]["id"]}]}, want=404)
    if text:
        for stream in (False, True):
            exchange(d, "POST", "/v1/completions", {"model": text, "prompt": "The river", "max_tokens": 8, "logprobs": 2, "stream": stream})
    if vector:
        exchange(d, "POST", "/v1/embeddings", {"model": vector, "input": ["a", "b"], "encoding_format": "base64"})
        exchange(d, "POST", "/v1/embeddings", {"model": vector, "input": []}, want=400)


def limits(d, models):
    """A key's limit, until it is reached. Meanwhile time may give some requests back."""
    chat = next(m["id"] for m in models if m["kind"] == "chat")
    body = {"model": chat, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    begun, passed = time.monotonic(), 0
    while True:
        status, headers, _ = send("POST", "/v1/chat/completions", body, key=LIMITED)
        if status == 429 and passed >= LIMIT:
            break
        passed += 1
        if status != 200 or "x-ratelimit-remaining-requests" not in headers:
            mistake("a limited key", f"answers {status} with {headers}")
            return
        if passed > LIMIT * (1 + (time.monotonic() - begun) / 60):
            mistake("a limited key", f"{passed} requests passed, {LIMIT} a minute are allowed")
            return
    exchange(d, "POST", "/v1/chat/completions", body, key=LIMITED, want=429)


def scored(d):
    """What everybody may see once a period is scored."""
    path = "/v1/vision/report"
    deadline = time.monotonic() + 300  # some periods of the devnet's
    while send("GET", path, key=None)[0] == 404 and time.monotonic() < deadline:
        time.sleep(1)
    kept = exchange(d, "GET", path, key=None)
    if kept is None:
        return
    template = "/v1/vision/explain/{hotkey}"
    for m in kept["report"]["miners"]:
        exchange(d, "GET", template.replace("{hotkey}", m["hotkey"]), template=template, key=None)
    exchange(d, "GET", template.replace("{hotkey}", "nobody"), template=template, want=400, key=None)
    exchange(d, "GET", template.replace("{hotkey}", kept["report"]["validator"]), template=template, want=404, key=None)


def paths(d):
    """The paths that the API itself names are the described ones."""
    _, _, raw = send("GET", "/v1/no-such-path")
    named = set(re.findall(r"/v1/[a-z/]*[a-z]", json.loads(raw)["error"]["message"]))
    described = {p for p in d.doc["paths"] if "{" not in p}
    for p in named - described:
        mistake(p, "the API names it, and the document does not")
    for p in described - named:
        status, _, _ = send("OPTIONS", p)
        if status == 404:
            mistake(p, "is described, and not there")


def parameters(d, models):
    """What a model says that it supports is described where it is asked."""
    for m in models:
        schema, _ = examples(d, m["path"])
        for name in m.get("supported_parameters", []):
            # structured_outputs is OpenRouter's word for a kind of response_format.
            if name != "structured_outputs" and name not in d.follow(schema)["properties"]:
                mistake(m["path"], f"{m['id']} supports {name}, which is not described")


def main():
    status, headers, raw = send("GET", "/openapi.json", key=None)
    if status != 200 or headers.get("content-type") != "application/json":
        sys.exit(f"/openapi.json answers {status}, {headers}")
    d = Description(raw)
    scored(d)
    paths(d)
    listed = exchange(d, "GET", "/v1/models") or {"data": []}
    models = listed["data"]
    if not models:
        sys.exit("there are no models")
    exchange(d, "GET", "/v1/models", key=None, want=401)
    exchange(d, "GET", "/v1/models/" + models[0]["id"], template="/v1/models/{model}")
    exchange(d, "GET", "/v1/models/none", template="/v1/models/{model}", want=404)
    exchange(d, "GET", "/v1/usage")
    exchange(d, "GET", "/v1/usage?by=day,model,key", template="/v1/usage")
    exchange(d, "GET", "/v1/usage?by=nothing", template="/v1/usage", want=400)
    exchange(d, "GET", "/v1/usage", key=None, want=401)
    for template, item in d.doc["paths"].items():
        kind = "/v1/chat/completions" if template == "/v1/responses" else template
        fit = [m for m in models if m["path"] == kind]
        if "post" in item and fit:
            served(d, template, fit)
    parameters(d, models)
    particular(d, models)
    limits(d, models)
    for template, item in d.doc["paths"].items():
        for method in item:
            if not any(s < 300 for s in seen.get((template, method), ())):
                print(f"  not tried, for no model on sale is of its kind: {method.upper()} {template}")
    print(f"{checked['answers']} answers and {checked['events']} events of streams compared, {len(seen)} operations, {len(mistakes)} mistakes")
    for m in dict.fromkeys(mistakes):
        print("  " + m)
    sys.exit(bool(mistakes))


main()
