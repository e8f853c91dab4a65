"""LiteLLM's SDK as a client, by its provider for OpenAI-compatible servers."""

import asyncio
import base64
import io
import json
import math
import os
import warnings

warnings.filterwarnings("ignore", module="pydantic")  # of how LiteLLM fills its own types
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or importing it fetches a list of prices

import litellm
import pydantic

from scenarios import *

litellm.suppress_debug_info = True
litellm.telemetry = False


class Place(pydantic.BaseModel):
    city: str
    days: int


def options(model, key=KEY, **more):
    # Without retries: what the first answer says is what is tested.
    return {"model": "openai/" + model, "api_base": API, "api_key": key, "num_retries": 0, "max_retries": 0, "timeout": 120, **more}


def complete(messages=RIVERS, **more):
    return litellm.completion(**{**options(CHAT), "messages": messages, **more})


@scenario("chat: whole")
def whole():
    answer = complete(max_tokens=24, seed=7)
    assert answer.choices[0].message.content.strip() and answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens <= 24


@scenario("chat: streamed, with usage")
def streamed():
    chunks = list(complete(max_tokens=60, stream=True, stream_options={"include_usage": True}))
    assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) >= 5, "not a stream but a lump"
    built = litellm.stream_chunk_builder(chunks, messages=RIVERS)
    assert built.choices[0].message.content.strip() and 0 < built.usage.completion_tokens <= 60


@scenario("chat: streamed, asyncio")
def streamed_async():
    async def ask():
        stream = await litellm.acompletion(**options(CHAT, messages=RIVERS, max_tokens=24, stream=True))
        return "".join([c.choices[0].delta.content or "" async for c in stream])
    assert asyncio.run(ask()).strip()


@scenario("tools: forced, the result sent back")
def tools():
    answer = complete(PARIS, max_tokens=200, tools=[WEATHER], tool_choice=FORCED)
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather" and isinstance(json.loads(call.function.arguments)["city"], str)
    after = complete([*PARIS, answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}],
                     max_tokens=24, tools=[WEATHER])
    assert after.choices[0].message.content.strip()


@scenario("tools: streamed")
def tools_streamed():
    chunks = list(complete(PARIS, max_tokens=200, tools=[WEATHER], tool_choice="required", stream=True))
    (call,) = litellm.stream_chunk_builder(chunks).choices[0].message.tool_calls
    assert call.function.name == "get_weather" and "city" in json.loads(call.function.arguments)


@scenario("schema: JSON of a schema, whole and streamed")
def schema():
    for stream in (False, True):
        answer = complete(PARIS, response_format=Place, stream=stream)
        if stream:
            answer = litellm.stream_chunk_builder(list(answer))
        Place.model_validate_json(answer.choices[0].message.content)


@scenario("responses: whole, streamed, tools")
def responses():
    answer = litellm.responses(input="Tell me about rivers.", max_output_tokens=24, **options(CHAT))
    assert answer.output[0].content[0].text.strip() and 0 < answer.usage.output_tokens <= 24
    kinds = [e.type for e in litellm.responses(input="Tell me about rivers.", max_output_tokens=24, stream=True, **options(CHAT))]
    assert kinds.count("response.output_text.delta") >= 5 and kinds[-1] in ("response.completed", "response.incomplete"), kinds
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER_SCHEMA}
    (call,) = litellm.responses(input="What is the weather in Paris?", tools=[tool], tool_choice="required", **options(CHAT)).output
    assert call.type == "function_call" and "city" in json.loads(call.arguments)


@scenario("pictures in a conversation")
def pictures():
    assert complete(SEEN, max_tokens=16).choices[0].message.content.strip()


@scenario("completions: whole")
def completions():
    answer = litellm.text_completion(**{**options(COMPLETION), "model": "text-completion-openai/" + COMPLETION}, prompt="The river", max_tokens=16)
    assert answer.choices[0].text


@scenario("images: generate, of the size asked for")
def images():
    picture = litellm.image_generation(prompt="a heron by a river", size="256x256", extra_body={"steps": 8}, **options(IMAGE))
    assert png_size(base64.b64decode(picture.data[0].b64_json)) == "256x256"


@scenario("images: edit, inpaint")  # its image_variation names no model
def images_given():
    def size(answer):
        return png_size(base64.b64decode(answer.data[0].b64_json))
    def as_file(raw):
        file = io.BytesIO(raw)
        file.name = "picture.png"
        return file
    assert size(litellm.image_edit(image=as_file(picture(256)), prompt="make it winter", **options(EDIT))) == "256x256"
    assert size(litellm.image_edit(image=as_file(picture(256)), mask=as_file(mask(256)), prompt="a heron", **options(INPAINT))) == "256x256"


@scenario("embeddings: lists keep their order")
def embeddings():
    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    answer = litellm.embedding(input=["a heron by a river", "the price of copper", "a heron by a river"], **options(EMBED))
    first, other, again = (d["embedding"] for d in answer.data)
    assert cosine(first, again) > 0.999999 and cosine(first, other) < 0.99


@scenario("errors: a wrong key, no such model, a bad parameter")
def errors():
    raises(litellm.AuthenticationError, complete, api_key="sk-nobody-has-this-key")
    e = raises(litellm.NotFoundError, complete, model="openai/no-such-model")
    assert e.status_code == 404
    e = raises(litellm.BadRequestError, complete, temperature=9)
    assert "temperature" in str(e)
    raises(litellm.BadRequestError, lambda: list(complete(temperature=9, stream=True)))


@scenario("rate limit: RateLimitError with retry-after")
def rate_limit():
    e = until_refused(litellm.RateLimitError, lambda: complete(api_key=LIMITED_KEY, max_tokens=1))
    assert e.status_code == 429
    assert 1 <= int(e.litellm_response_headers["retry-after"]) <= 60


@scenario("cancel: in mid-stream; the next request is served")
def cancel():
    async def ask():
        stream = await litellm.acompletion(**options(CHAT, messages=RIVERS, stream=True, **LONG))
        n = 0
        async for _ in stream:
            if (n := n + 1) == 3:
                break
        await stream.aclose()
    server_notices(lambda: asyncio.run(ask()))
    assert complete(max_tokens=16).choices


@scenario("concurrency: 8 streams")
def concurrency():
    def ask(i):
        return "".join(c.choices[0].delta.content or "" for c in complete(stream=True, max_tokens=24, seed=i, temperature=1))
    together = at_once(8, ask)
    assert all(together) and len(set(together)) > 4
    assert ask(3) == together[3], "streams got mixed up"


if __name__ == "__main__":
    main("litellm")
