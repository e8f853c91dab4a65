"""LangChain, by its package for OpenAI."""

import asyncio
import math

import openai
import pydantic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings

from scenarios import *

ASKED = "Tell me about rivers."


def chat(**options):
    # Without retries: what the first answer says is what is tested.
    return ChatOpenAI(**{"model": CHAT, "base_url": API, "api_key": KEY, "max_retries": 0, "timeout": 120, **options})


def embeddings(key=KEY):
    # By default LangChain cuts texts into the token ids of OpenAI's own models;
    # with check_embedding_ctx_length=False it sends the texts.
    return OpenAIEmbeddings(model=EMBED, base_url=API, api_key=key, max_retries=0, check_embedding_ctx_length=False)


@tool
def get_weather(city: str) -> str:
    """The weather somewhere"""
    return f"21 degrees in {city}"


class Place(pydantic.BaseModel):
    """A place"""
    city: str


@scenario("chat: whole")
def whole():
    answer = chat(max_tokens=24, seed=7).invoke([SystemMessage("Be brief."), HumanMessage(ASKED)])
    assert answer.text.strip() and answer.response_metadata["finish_reason"] in ("stop", "length")
    assert answer.usage_metadata["input_tokens"] > 0 and answer.usage_metadata["output_tokens"] <= 24


@scenario("chat: a chain of prompt, model and parser, streamed")
def chain():
    c = ChatPromptTemplate.from_template("Tell me about {what}.") | chat(max_tokens=60) | StrOutputParser()
    assert len([p for p in c.stream({"what": "rivers"}) if p]) >= 5, "not a stream but a lump"


@scenario("chat: streamed, with usage")
def streamed():
    total = None
    for chunk in chat(max_tokens=60, stream_usage=True).stream(ASKED):
        total = chunk if total is None else total + chunk
    assert total.text.strip() and 0 < total.usage_metadata["output_tokens"] <= 60


@scenario("chat: streamed, asyncio")
def streamed_async():
    async def ask():
        return [c.text async for c in chat(max_tokens=24).astream(ASKED)]
    assert "".join(asyncio.run(ask())).strip()


@scenario("tools: forced, the result sent back")
def tools():
    asked = HumanMessage("What is the weather in Paris?")
    call = chat(max_tokens=200).bind_tools([get_weather], tool_choice="get_weather").invoke([asked])
    assert [c["name"] for c in call.tool_calls] == ["get_weather"] and not call.invalid_tool_calls
    result = get_weather.invoke(call.tool_calls[0])
    assert isinstance(result, ToolMessage)
    after = chat(max_tokens=24).bind_tools([get_weather]).invoke([asked, call, result])
    assert after.text.strip() and not after.tool_calls


@scenario("tools: streamed")
def tools_streamed():
    total = None
    for chunk in chat(max_tokens=200).bind_tools([get_weather], tool_choice="required").stream("What is the weather in Paris?"):
        total = chunk if total is None else total + chunk
    (call,) = total.tool_calls
    assert call["name"] == "get_weather" and isinstance(call["args"]["city"], str)


@scenario("schema: structured output by a function, by a schema")
def schema():
    for method in ("function_calling", "json_schema"):
        place = chat(max_tokens=200).with_structured_output(Place, method=method).invoke("What is the weather in Paris?")
        assert isinstance(place, Place), method


@scenario("responses: whole, streamed, tools, schema")
def responses():
    model = chat(max_tokens=200, use_responses_api=True)
    whole = model.invoke([SystemMessage("Be brief."), HumanMessage(ASKED)])
    assert whole.text.strip() and whole.usage_metadata["output_tokens"] > 0
    total = None
    for chunk in model.stream(ASKED):
        total = chunk if total is None else total + chunk
    assert total.text.strip()
    asked = HumanMessage("What is the weather in Paris?")
    call = model.bind_tools([get_weather], tool_choice="get_weather").invoke([asked])
    after = model.bind_tools([get_weather]).invoke([asked, call, get_weather.invoke(call.tool_calls[0])])
    assert after.text.strip()
    assert isinstance(model.with_structured_output(Place).invoke("What is the weather in Paris?"), Place)


@scenario("pictures in a conversation")
def pictures():
    answer = chat(max_tokens=16).invoke([HumanMessage(SEEN[0]["content"])])
    assert answer.text.strip()


@scenario("completions: whole and streamed")
def completions():
    model = OpenAI(model=COMPLETION, base_url=API, api_key=KEY, max_retries=0, max_tokens=24)
    assert model.invoke("The river").strip()
    assert len([p for p in model.stream("The river") if p]) >= 5


@scenario("embeddings: documents and a query")
def vectors():
    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    first, other = embeddings().embed_documents(["a heron by a river", "the price of copper"])
    again = embeddings().embed_query("a heron by a river")
    assert cosine(first, again) > 0.99999 and cosine(first, other) < 0.99


@scenario("errors: a wrong key, no such model, a bad parameter")
def errors():
    raises(openai.AuthenticationError, chat(api_key="sk-nobody-has-this-key").invoke, ASKED)
    raises(openai.NotFoundError, chat(model="no-such-model").invoke, ASKED)
    e = raises(openai.BadRequestError, chat(temperature=9).invoke, ASKED)
    assert e.param == "temperature"
    raises(openai.BadRequestError, lambda: list(chat(temperature=9).stream(ASKED)))


@scenario("rate limit: RateLimitError with retry-after")
def rate_limit():
    limited = embeddings(LIMITED_KEY)
    e = until_refused(openai.RateLimitError, lambda: limited.embed_query("a heron"))
    assert 1 <= int(e.response.headers["retry-after"]) <= 60


@scenario("cancel: in mid-stream; the next request is served")
def cancel():
    def cancel():
        stream = chat(**LONG).stream(ASKED)
        for _ in range(3):
            next(stream)
        stream.close()
    server_notices(cancel)
    assert chat(max_tokens=16).invoke(ASKED).text


@scenario("concurrency: a batch of 8")
def concurrency():
    answers = chat(max_tokens=24, temperature=1).batch([f"Tell me {i + 2} things about rivers." for i in range(8)], {"max_concurrency": 8})
    assert all(a.text.strip() for a in answers) and len({a.text for a in answers}) > 4


if __name__ == "__main__":
    main("langchain-python")
