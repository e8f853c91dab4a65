"""The official Python SDK against a live devnet.

The devnet's address and keys come from the environment:
VISION_API, VISION_KEY, VISION_LIMITED_KEY (few requests a minute, VISION_LIMIT).
"""

import base64
import json
import math
import os
import struct
import time
import unittest

import openai

API = os.environ["VISION_API"]
CHAT, COMPLETION = "vision-ref-chat", "vision-ref-completion"
IMAGE, EMBED = "vision-ref-image", "vision-ref-embed"
RIVERS = [{"role": "user", "content": "Tell me about rivers."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather somewhere",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def client(key=os.environ["VISION_KEY"], **options):
    options.setdefault("max_retries", 0)  # what the first answer says is what is tested
    return openai.OpenAI(base_url=API, api_key=key, timeout=60, **options)


class Chat(unittest.TestCase):
    def test_streams(self):
        stream = client().chat.completions.create(
            model=CHAT, messages=RIVERS, max_tokens=48, stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
        texts = [c for c in chunks if c.choices and c.choices[0].delta.content]
        self.assertGreaterEqual(len(texts), 5, "not a stream but a lump")
        self.assertEqual({c.object for c in chunks}, {"chat.completion.chunk"})
        self.assertEqual({c.model for c in chunks}, {CHAT})
        self.assertEqual(len({c.id for c in chunks}), 1)
        self.assertEqual([c.choices[0].delta.role for c in chunks if c.choices and c.choices[0].delta.role], ["assistant"])
        finishes = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
        self.assertEqual(len(finishes), 1)
        self.assertIn(finishes[0], ("stop", "length"))
        usage = chunks[-1].usage
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreaterEqual(usage.completion_tokens, len(texts))
        self.assertLessEqual(usage.completion_tokens, 48)
        self.assertGreater(usage.prompt_tokens, 0)
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertTrue(all(c.usage is None for c in chunks[:-1]))

    def test_streams_without_usage_unless_asked(self):
        chunks = list(client().chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=8, stream=True))
        self.assertTrue(all(c.usage is None for c in chunks))

    def test_arrives_as_it_is_made(self):
        arrivals = []
        for _ in client().chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=60, stream=True):
            arrivals.append(time.monotonic())
        self.assertGreater(arrivals[-1] - arrivals[0], 0.1, "60 tokens came at once from a server that paces them")

    def test_answers_whole(self):
        answer = client().chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=24, temperature=0.7, seed=7)
        self.assertEqual(answer.object, "chat.completion")
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertTrue(answer.choices[0].message.content.strip())
        self.assertIn(answer.choices[0].finish_reason, ("stop", "length"))
        self.assertLessEqual(answer.usage.completion_tokens, 24)

    def test_a_seed_repeats_an_answer_on_any_miner(self):
        def ask():
            return client().chat.completions.create(
                model=CHAT, messages=RIVERS, max_tokens=24, temperature=1, seed=11).choices[0].message.content
        self.assertEqual({ask() for _ in range(3)}, {ask()})

    def test_raw_headers(self):
        answer = client().chat.completions.with_raw_response.create(model=CHAT, messages=RIVERS, max_tokens=4)
        self.assertTrue(answer.headers.get("x-request-id"))

    def test_calls_a_forced_tool(self):
        answer = client().chat.completions.create(
            model=CHAT, messages=[{"role": "user", "content": "What is the weather in Paris?"}], max_tokens=200,
            tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "get_weather"}})
        (call,) = answer.choices[0].message.tool_calls
        self.assertEqual(call.type, "function")
        self.assertEqual(call.function.name, "get_weather")
        self.assertIsInstance(json.loads(call.function.arguments)["city"], str)

    def test_streams_a_forced_tool(self):
        name, arguments = "", ""
        for chunk in client().chat.completions.create(
                model=CHAT, messages=RIVERS, max_tokens=200, stream=True, tools=[WEATHER], tool_choice="required"):
            for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
                name += call.function.name or ""
                arguments += call.function.arguments or ""
        self.assertEqual(name, "get_weather")
        self.assertIn("city", json.loads(arguments))

    def test_cancels_in_mid_stream(self):
        with client() as c:
            for _ in range(3):
                stream = c.chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=400, stream=True)
                for _, chunk in zip(range(3), stream):
                    self.assertEqual(chunk.object, "chat.completion.chunk")
                stream.close()
            answer = c.chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=4)
            self.assertTrue(answer.choices, "the next request after canceled ones is served")


class Completions(unittest.TestCase):
    def test_streams(self):
        chunks = list(client().completions.create(
            model=COMPLETION, prompt="The river", max_tokens=32, stream=True, stream_options={"include_usage": True}))
        self.assertGreaterEqual(len([c for c in chunks if c.choices and c.choices[0].text]), 5)
        self.assertEqual(chunks[0].object, "text_completion")
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)

    def test_answers_whole(self):
        answer = client().completions.create(model=COMPLETION, prompt="The river", max_tokens=16)
        self.assertTrue(answer.choices[0].text)
        self.assertIn(answer.choices[0].finish_reason, ("stop", "length"))


class Images(unittest.TestCase):
    def test_has_the_size_asked_for(self):
        for size in ("256x256", "512x512"):
            picture = client().images.generate(model=IMAGE, prompt="a heron by a river", size=size, response_format="b64_json")
            raw = base64.b64decode(picture.data[0].b64_json, validate=True)
            self.assertEqual(raw[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(raw[12:16], b"IHDR")
            self.assertEqual("%dx%d" % struct.unpack(">II", raw[16:24]), size)


class Embeddings(unittest.TestCase):
    @staticmethod
    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    def test_base64_and_float_agree(self):
        # The SDK asks for base64 by itself and decodes it.
        text = "Rivers carry water to the sea."
        default = client().embeddings.create(model=EMBED, input=text).data[0].embedding
        floats = client().embeddings.create(model=EMBED, input=text, encoding_format="float").data[0].embedding
        self.assertGreater(len(default), 16)
        self.assertEqual(len(default), len(floats))
        self.assertAlmostEqual(self.cosine(default, floats), 1, places=5)

    def test_lists_keep_their_order(self):
        texts = ["a heron by a river", "the price of copper", "a heron by a river"]
        answer = client().embeddings.create(model=EMBED, input=texts)
        self.assertEqual([d.index for d in answer.data], [0, 1, 2])
        first, other, again = (d.embedding for d in answer.data)
        self.assertAlmostEqual(self.cosine(first, again), 1, places=6)
        self.assertLess(self.cosine(first, other), 0.99)
        self.assertGreater(answer.usage.prompt_tokens, 0)


class Models(unittest.TestCase):
    def test_lists_and_retrieves(self):
        names = {m.id for m in client().models.list()}
        self.assertLessEqual({CHAT, COMPLETION, IMAGE, EMBED}, names)
        model = client().models.retrieve(CHAT)
        self.assertEqual((model.id, model.object), (CHAT, "model"))


class Errors(unittest.TestCase):
    def test_a_wrong_key(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            client(key="sk-nobody-has-this-key").models.list()
        self.assertEqual(caught.exception.status_code, 401)

    def test_no_such_model(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            client().chat.completions.create(model="no-such-model", messages=RIVERS)
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.NotFoundError):
            client().models.retrieve("no-such-model")

    def test_a_bad_request_names_the_parameter(self):
        for wrong in ({"max_tokens": -1}, {"temperature": 9}, {"top_p": 2}):
            with self.assertRaises(openai.BadRequestError) as caught:
                client().chat.completions.create(model=CHAT, messages=RIVERS, **wrong)
            self.assertEqual(caught.exception.param, next(iter(wrong)))
            self.assertEqual(caught.exception.type, "invalid_request_error")
        with self.assertRaises(openai.BadRequestError) as caught:
            client().chat.completions.create(model=CHAT, messages=[])
        self.assertEqual(caught.exception.param, "messages")

    def test_a_key_over_its_limit(self):
        limit = int(os.environ["VISION_LIMIT"])
        limited = client(key=os.environ["VISION_LIMITED_KEY"])
        with self.assertRaises(openai.RateLimitError) as caught:
            for _ in range(limit + 2):
                limited.chat.completions.create(model=CHAT, messages=RIVERS, max_tokens=1)
        self.assertEqual(caught.exception.status_code, 429)
        self.assertGreaterEqual(int(caught.exception.response.headers["retry-after"]), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
