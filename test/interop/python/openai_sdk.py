"""The official Python SDK."""

import asyncio
import base64
import json
import math
import os
import time
import uuid
import warnings

import httpx
import openai
import pydantic

from scenarios import *


def client(key=KEY, **options):
    options.setdefault("max_retries", 0)  # what the first answer says is what is tested
    options.setdefault("timeout", 120)
    return openai.OpenAI(base_url=API, api_key=key, **options)


QUICK = {"steps": 8}  # of the 50 that pictures have by themselves


class Weather(pydantic.BaseModel):
    city: str
    days: int


@scenario("models: list, retrieve")
def models():
    names = {m.id for m in client().models.list()}
    assert {CHAT, COMPLETION, IMAGE, EMBED} <= names, names
    model = client().models.retrieve(CHAT)
    assert (model.id, model.object) == (CHAT, "model")


@scenario("chat: whole")
def chat():
    answer = client().chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=24, temperature=0.7, seed=7)
    assert answer.object == "chat.completion" and answer.model == CHAT
    assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content.strip()
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= 24
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@scenario("chat: parts, system prompt, stop, logprobs, headers")
def chat_options():
    raw = client().chat.completions.with_raw_response.create(
        model=CHAT, max_completion_tokens=16, logprobs=True, top_logprobs=2, stop=["\n\n"], n=1, user="somebody",
        presence_penalty=0.1, frequency_penalty=0.1, top_p=0.9, metadata={"a": "b"}, store=False,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": [
            {"type": "text", "text": "Tell me about"}, {"type": "text", "text": "rivers."}]}])
    assert raw.headers.get("x-request-id")
    answer = raw.parse()
    tokens = answer.choices[0].logprobs.content
    assert len(tokens) == answer.usage.completion_tokens and all(t.logprob <= 0 and len(t.top_logprobs) == 2 for t in tokens)


@scenario("chat: a seed repeats an answer on any miner")
def seeds():
    def ask(_):
        return client().chat.completions.create(
            model=CHAT, messages=RIVERS, max_tokens=24, temperature=1, seed=11).choices[0].message.content
    assert len(set(at_once(4, ask))) == 1


@scenario("chat: streamed, with usage")
def chat_streamed():
    for _ in range(20):  # if we are slow, all of a stream may have come before we read its first event
        chunks, arrivals = [], []
        for c in client().chat.completions.create(
                model=CHAT, messages=RIVERS, max_tokens=60, stream=True, stream_options={"include_usage": True}):
            chunks.append(c)
            arrivals.append(time.monotonic())
        texts = [c for c in chunks if c.choices and c.choices[0].delta.content]
        assert len(texts) >= 5, "not a stream but a lump"
        if arrivals[-1] - arrivals[0] > 0.1:
            break
    else:
        raise AssertionError("what a server paces came at once, 20 times")
    assert {c.object for c in chunks} == {"chat.completion.chunk"} and {c.model for c in chunks} == {CHAT}
    assert len({c.id for c in chunks}) == 1
    assert [c.choices[0].delta.role for c in chunks if c.choices and c.choices[0].delta.role] == ["assistant"]
    (finish,) = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert finish in ("stop", "length")
    usage = chunks[-1].usage
    assert chunks[-1].choices == [] and all(c.usage is None for c in chunks[:-1])
    assert len(texts) <= usage.completion_tokens <= 60 and usage.prompt_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    unasked = client().chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=8, stream=True)
    assert all(c.usage is None for c in unasked)


@scenario("chat: streamed, the SDK's accumulator")
def chat_accumulated():
    with client().chat.completions.stream(model=CHAT, messages=RIVERS, max_tokens=400, seed=3) as stream:
        deltas = [e.delta for e in stream if e.type == "content.delta"]
        answer = stream.get_final_completion()
    assert answer.choices[0].message.content == "".join(deltas) != ""


@scenario("chat: streamed, asyncio")
def chat_async():
    async def ask():
        async with openai.AsyncOpenAI(base_url=API, api_key=KEY, max_retries=0, timeout=120) as c:
            stream = await c.chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=16, stream=True)
            return "".join([x.choices[0].delta.content or "" async for x in stream if x.choices])
    assert asyncio.run(ask())


@scenario("chat: two answers, whole and streamed")
def chat_several():
    request = {"model": CHAT, "messages": RIVERS, "max_tokens": 24, "temperature": 1, "n": 2}
    answer = client().chat.completions.create(**request, seed=5)
    assert [c.index for c in answer.choices] == [0, 1] and answer.usage.completion_tokens <= 48
    assert len({c.message.content for c in answer.choices}) == 2
    texts, ends = ["", ""], [None, None]
    chunks = list(client().chat.completions.create(**request, seed=5, stream=True, stream_options={"include_usage": True}))
    for c in chunks:
        for choice in c.choices:
            texts[choice.index] += choice.delta.content or ""
            ends[choice.index] = choice.finish_reason or ends[choice.index]
    assert texts == [c.message.content for c in answer.choices] and ends == [c.finish_reason for c in answer.choices]
    assert chunks[-1].usage.completion_tokens == answer.usage.completion_tokens


@scenario("tools: forced, the result sent back")
def tools():
    answer = client().chat.completions.create(
        model=CHAT, messages=PARIS, max_tokens=200, tools=[WEATHER], tool_choice=FORCED)
    (call,) = answer.choices[0].message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather") and call.id
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    after = client().chat.completions.create(
        model=CHAT, max_tokens=24, tools=[WEATHER],
        messages=[*PARIS, answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": '{"degrees": 21}'}])
    assert after.choices[0].message.content.strip() and not after.choices[0].message.tool_calls


@scenario("tools: streamed")
def tools_streamed():
    name, arguments, finish = "", "", None
    for chunk in client().chat.completions.create(
            model=CHAT, messages=PARIS, max_tokens=200, stream=True, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False):
        if not chunk.choices:
            continue
        finish = chunk.choices[0].finish_reason or finish
        for call in chunk.choices[0].delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert name == "get_weather" and "city" in json.loads(arguments)
    assert finish in ("tool_calls", "stop")


@scenario("schema: parsed by the SDK, whole and streamed")
def schema():
    answer = client().chat.completions.parse(model=CHAT, messages=PARIS, response_format=Weather)
    assert isinstance(answer.choices[0].message.parsed, Weather)
    with client().chat.completions.stream(model=CHAT, messages=PARIS, response_format=Weather) as stream:
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(parsed, Weather)
    plain = client().chat.completions.create(
        model=CHAT, messages=[{"role": "user", "content": "Answer in JSON."}], response_format={"type": "json_object"})
    assert isinstance(json.loads(plain.choices[0].message.content), dict)


@scenario("responses: whole")
def responses():
    answer = client().responses.create(model=CHAT, instructions="Be brief.", input="Tell me about rivers.", max_output_tokens=24)
    assert answer.output_text.strip() and answer.object == "response" and answer.model == CHAT
    assert answer.status in ("completed", "incomplete") and 0 < answer.usage.output_tokens <= 24
    if answer.status == "incomplete":
        assert answer.incomplete_details.reason == "max_output_tokens"
    talk = client().responses.create(model=CHAT, max_output_tokens=16, input=[
        {"role": "user", "content": [{"type": "input_text", "text": "Tell me about rivers."}]},
        *answer.output, {"role": "user", "content": "Go on."}])
    assert talk.output_text.strip()


@scenario("responses: streamed")
def responses_streamed():
    events = list(client().responses.create(model=CHAT, input="Tell me about rivers.", max_output_tokens=60, stream=True))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert events[0].type == "response.created" and events[-1].type in ("response.completed", "response.incomplete")
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert len(deltas) >= 5, "not a stream but a lump"
    assert "".join(deltas) == events[-1].response.output_text
    with client().responses.stream(model=CHAT, input="Tell me about rivers.") as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text.strip()


@scenario("responses: tools: forced, the result sent back; streamed")
def responses_tools():
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER_SCHEMA, "strict": True}
    asked = {"role": "user", "content": "What is the weather in Paris?"}
    def ask(**more):
        return client().responses.create(model=CHAT, input=[asked], tools=[tool], tool_choice={"type": "function", "name": "get_weather"}, **more)
    answer = ask()
    (call,) = answer.output
    assert call.type == "function_call" and call.name == "get_weather" and "city" in json.loads(call.arguments)
    after = client().responses.create(model=CHAT, tools=[tool], max_output_tokens=24, input=[
        asked, call, {"type": "function_call_output", "call_id": call.call_id, "output": '{"degrees": 21}'}])
    assert after.output_text.strip()
    events = list(ask(stream=True))
    arguments = "".join(e.delta for e in events if e.type == "response.function_call_arguments.delta")
    assert arguments == events[-1].response.output[0].arguments and "city" in json.loads(arguments)


@scenario("responses: schema: parsed by the SDK")
def responses_schema():
    answer = client().responses.parse(model=CHAT, input="What is the weather in Paris?", text_format=Weather)
    assert isinstance(answer.output_parsed, Weather)


@scenario("responses: gone on from by id, whole and streamed, with a function's result; shown; forgotten")
def responses_gone_on_from():
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER_SCHEMA, "strict": True}
    c = client()
    first = c.responses.create(model=CHAT, input="What is the weather in Paris?", tools=[tool], tool_choice={"type": "function", "name": "get_weather"})
    (call,) = first.output
    second = c.responses.create(model=CHAT, previous_response_id=first.id, max_output_tokens=24, input=[
        {"type": "function_call_output", "call_id": call.call_id, "output": '{"degrees": 21}'}])
    assert second.output_text.strip() and second.previous_response_id == first.id and second.store
    assert second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens / 2
    *_, last = c.responses.create(model=CHAT, previous_response_id=second.id, input="Go on.", max_output_tokens=24, stream=True)
    assert last.response.usage.input_tokens > second.usage.input_tokens
    assert c.responses.retrieve(last.response.id) == last.response
    refer = {"model": CHAT, "max_output_tokens": 8, "input": [{"type": "item_reference", "id": last.response.output[0].id}, {"role": "user", "content": "Go on."}]}
    assert c.responses.create(**refer).status in ("completed", "incomplete")
    c.responses.delete(last.response.id)
    raises(openai.NotFoundError, c.responses.retrieve, last.response.id)
    assert raises(openai.NotFoundError, c.responses.create, **refer).code == "item_not_found"
    private = c.responses.create(model=CHAT, input="Tell me about rivers.", max_output_tokens=8, store=False)
    assert not private.store
    for id in (last.response.id, private.id):
        e = raises(openai.BadRequestError, c.responses.create, model=CHAT, previous_response_id=id, input="Go on.")
        assert (e.code, e.param) == ("previous_response_not_found", "previous_response_id"), e
    other = client(key=os.environ["VISION_SCOPED_KEY"])
    raises(openai.NotFoundError, other.responses.retrieve, second.id)


@scenario("responses: errors: no such model, bad parameters, no such response")
def responses_errors():
    ask = client().responses.create
    assert raises(openai.NotFoundError, ask, model="no-such-model", input="x").code == "model_not_found"
    for param, wrong in (("temperature", 9), ("max_output_tokens", -1), ("previous_response_id", "resp_1"), ("input", [])):
        for stream in (False, True):
            e = raises(openai.BadRequestError, ask, **{"model": CHAT, "input": "x", "stream": stream, param: wrong})
            assert e.param == param, e


@scenario("pictures in a conversation, by either API")
def pictures():
    answer = client().chat.completions.create(model=CHAT, messages=SEEN, max_tokens=16)
    assert answer.choices[0].message.content.strip()
    blind = client().chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "What is this?"}], max_tokens=16)
    assert answer.usage.prompt_tokens > blind.usage.prompt_tokens, "a picture costs tokens"
    answer = client().responses.create(model=CHAT, max_output_tokens=16, input=[{"role": "user", "content": [
        {"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PIXEL, "detail": "auto"}]}])
    assert answer.output_text.strip()
    e = raises(openai.BadRequestError, client().chat.completions.create, model=CHAT, messages=[
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}])
    assert e.param.startswith("messages"), e


@scenario("completions: whole and streamed")
def completions():
    answer = client().completions.create(model=COMPLETION, prompt="The river", max_tokens=16)
    assert answer.choices[0].text and answer.choices[0].finish_reason in ("stop", "length")
    chunks = list(client().completions.create(
        model=COMPLETION, prompt="The river", max_tokens=32, stream=True, stream_options={"include_usage": True}))
    assert len([c for c in chunks if c.choices and c.choices[0].text]) >= 5
    assert chunks[0].object == "text_completion" and chunks[-1].usage.completion_tokens > 0


@scenario("images: generate, of the size asked for")
def images():
    for size in ("256x256", "512x512"):
        picture = client().images.generate(model=IMAGE, prompt="a heron by a river", size=size, response_format="b64_json", extra_body=QUICK)
        assert png_size(base64.b64decode(picture.data[0].b64_json, validate=True)) == size
        assert picture.created > 0


@scenario("images: edit, inpaint, vary")
def images_given():
    def size(answer):
        return png_size(base64.b64decode(answer.data[0].b64_json, validate=True))
    edited = client().images.edit(model=EDIT, image=("heron.png", picture(256), "image/png"), prompt="make it winter", n=2, size="256x256", extra_body=QUICK)
    assert size(edited) == "256x256" and len(edited.data) == 2
    assert size(client().images.edit(model=INPAINT, image=picture(256), mask=mask(256), prompt="a heron", extra_body=QUICK)) == "256x256"
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        assert size(client().images.create_variation(model=UPSCALE, image=picture(64))) == "256x256"
    for param, model, wrong in (("mask", INPAINT, {"image": picture(256)}), ("image", EDIT, {"image": b"not a picture"})):
        e = raises(openai.BadRequestError, client().images.edit, model=model, prompt="a heron", **wrong)
        assert e.param == param, e


@scenario("embeddings: base64 and float agree, lists keep their order")
def embeddings():
    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    texts = ["a heron by a river", "the price of copper", "a heron by a river"]
    decoded = client().embeddings.create(model=EMBED, input=texts)  # the SDK asks for base64 by itself
    assert [d.index for d in decoded.data] == [0, 1, 2] and decoded.usage.prompt_tokens > 0
    first, other, again = (d.embedding for d in decoded.data)
    assert len(first) > 16 and cosine(first, again) > 0.999999 and cosine(first, other) < 0.99
    floats = client().embeddings.create(model=EMBED, input=texts[0], encoding_format="float").data[0].embedding
    assert len(floats) == len(first) and cosine(first, floats) > 0.99999
    assert len(client().embeddings.create(model=EMBED, input=texts[0], dimensions=64).data[0].embedding) == 64


@scenario("idempotency: the first answer again, and another request refused")
def idempotency():
    def ask(key, **more):
        return client().chat.completions.create(**{"model": CHAT, "messages": RIVERS, "max_tokens": 8, **more}, extra_headers={"Idempotency-Key": key})
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    first = ask(one)
    assert ask(one) == first
    raises(openai.UnprocessableEntityError, ask, one, max_tokens=9)
    assert list(ask(two, stream=True)) == list(ask(two, stream=True))


@scenario("errors: a wrong key, no such model, bad parameters")
def errors():
    e = raises(openai.AuthenticationError, client(key="sk-nobody-has-this-key").models.list)
    assert e.status_code == 401 and e.code == "invalid_api_key"
    e = raises(openai.NotFoundError, client().chat.completions.create, model="vision-ref-chatt", messages=RIVERS)
    assert e.code == "model_not_found" and CHAT in e.message, "the nearest name helps"
    raises(openai.NotFoundError, client().models.retrieve, "no-such-model")
    for wrong in ({"max_tokens": -1}, {"max_tokens": 10**6}, {"temperature": 9}, {"top_p": 2}, {"messages": []}):
        for stream in (False, True):
            e = raises(openai.BadRequestError, client().chat.completions.create,
                       **{"model": CHAT, "messages": RIVERS, "stream": stream, **wrong})
            assert e.param == next(iter(wrong)) and e.type == "invalid_request_error", e
    e = raises(openai.BadRequestError, client().images.generate, model=IMAGE, prompt="a heron", size="1x1")
    assert e.param == "size"
    for wrong in ("", [], [1, 2, 3]):  # the last are tokens, of a model that is not ours
        e = raises(openai.BadRequestError, client().embeddings.create, model=EMBED, input=wrong)
        assert e.param == "input"
    raises(openai.NotFoundError, client().files.list)


@scenario("rate limit: RateLimitError with retry-after")
def rate_limit():
    limited = client(key=LIMITED_KEY)
    e = until_refused(openai.RateLimitError, lambda: limited.models.list())
    assert e.status_code == 429 and e.code == "rate_limit_exceeded"
    assert 1 <= int(e.response.headers["retry-after"]) <= 60
    assert e.response.headers["x-ratelimit-limit-requests"] == str(LIMIT)
    assert e.response.headers["x-ratelimit-remaining-requests"] == "0"


def exhausted(kind, key):
    """Asks until the key is refused, and gives the error; the SDK must not have tried again. It may before, where
    the machine is busy and the balance takes longer to read than a request waits: status 503."""
    refusals, served = [], 0

    def count(answer):
        if answer.status_code == 429:
            refusals.append(answer)

    with httpx.Client(event_hooks={"response": [count]}) as http:
        c = client(key=os.environ[key], max_retries=3, http_client=http)
        for i in range(30):
            try:
                c.chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=200, temperature=1, seed=i)
                served += 1
            except kind as e:
                assert served > 0, f"nothing was served: {e}"
                assert len(refusals) == 1, f"refused {len(refusals)} times"
                return e
            except openai.InternalServerError as e:
                if e.status_code != 503:
                    raise
    raise AssertionError("30 requests passed")


@scenario("money: no balance, no spend limit left: insufficient_quota, without retries")
def quota():
    for key in ("VISION_POOR_KEY", "VISION_CAPPED_KEY"):
        e = exhausted(openai.RateLimitError, key)
        assert (e.status_code, e.code, e.type) == (429, "insufficient_quota", "insufficient_quota"), e
        assert e.response.headers["x-should-retry"] == "false"


@scenario("tokens a minute: RateLimitError with retry-after")
def tokens_a_minute():
    c = client(key=os.environ["VISION_METERED_KEY"])
    for i in range(30):
        try:
            c.chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=200, temperature=1, seed=i)
        except openai.RateLimitError as e:
            assert i > 0 and e.code == "rate_limit_exceeded", e
            assert e.response.headers["x-ratelimit-limit-tokens"] == "250"
            assert 1 <= int(e.response.headers["retry-after"]) <= 60
            return
    raise AssertionError("30 requests passed")


@scenario("one request at once: RateLimitError, then served; the SDK waits by itself")
def one_at_once():
    key = os.environ["VISION_SINGLE_KEY"]
    request = {"model": CHAT, "messages": RIVERS, "max_tokens": 4}
    for _ in range(20):  # if we are slow, the first may be over before the second is asked
        stream = client(key=key, max_retries=60).chat.completions.create(model=CHAT, messages=RIVERS, stream=True, **LONG)
        next(iter(stream))
        try:
            client(key=key).chat.completions.create(**request)
        except openai.RateLimitError as e:
            assert e.code == "concurrency_limit_exceeded" and int(e.response.headers["retry-after"]) >= 1
            break
    else:
        raise AssertionError("two requests at once were served 20 times")
    assert client(key=key, max_retries=60).chat.completions.create(**request).choices
    stream.close()


@scenario("a key for some models: PermissionDeniedError for others")
def scoped():
    c = client(key=os.environ["VISION_SCOPED_KEY"])
    for stream in (False, True):
        e = raises(openai.PermissionDeniedError, c.chat.completions.create, model=CHAT, messages=RIVERS, stream=stream)
        assert e.status_code == 403 and e.code == "model_not_allowed"
    assert [m.id for m in c.models.list()] == [EMBED]
    assert c.embeddings.create(model=EMBED, input="a heron").data


@scenario("cancel: in mid-stream; the next request is served")
def cancel():
    with client() as c:
        def cancel():
            stream = c.chat.completions.create(model=CHAT, messages=RIVERS, stream=True, **LONG)
            for _, chunk in zip(range(3), stream):
                assert chunk.object == "chat.completion.chunk"
            stream.close()
        server_notices(cancel)

        def cancel_response():
            stream = c.responses.create(model=CHAT, input="Tell me about rivers.", stream=True)
            for _ in range(6):
                next(stream)
            stream.close()
        server_notices(cancel_response)
        assert c.chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=4).choices


@scenario("concurrency: 8 streams of one client")
def concurrency():
    c = client()
    def ask(i):
        stream = c.chat.completions.create(model=CHAT, messages=RIVERS, seed=i, max_tokens=24, temperature=1, stream=True)
        return "".join(x.choices[0].delta.content or "" for x in stream if x.choices)
    together = at_once(8, ask)
    assert len(set(together)) > 4
    assert ask(3) == together[3], "streams got mixed up"


if __name__ == "__main__":
    main("openai-python")
