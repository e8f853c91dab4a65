// The Vercel AI SDK, by its provider for OpenAI and by the one for servers
// that are compatible with it.
import assert from 'node:assert/strict';
import {
  APICallError, Output, embed, embedMany, generateImage, generateText, isStepCount, streamText, tool,
} from 'ai';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { z } from 'zod';
import {
  API, CHAT, EDIT, EMBED, IMAGE, INPAINT, KEY, LIMITED_KEY, LONG, PARIS, PIXEL, RIVERS,
  atOnce, cosine, fails, main, mask, paced, picture, pngSize, serverNotices, untilRefused,
} from './scenarios.js';

globalThis.AI_SDK_LOG_WARNINGS = false;

const openai = (apiKey = KEY) => createOpenAI({ baseURL: API, apiKey });
const compatible = (apiKey = KEY) => createOpenAICompatible({ name: 'vision', baseURL: API, apiKey, includeUsage: true, supportsStructuredOutputs: true });

// Without retries: what the first answer says is what is tested.
const once = { maxRetries: 0 };

const weather = (asked) => tool({
  description: 'The weather somewhere',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    asked.push(city);
    return { degrees: 21 };
  },
});

const languages = { // title: a key's model
  'openai, responses': (key) => openai(key)(CHAT), // the provider's default
  'openai, chat': (key) => openai(key).chat(CHAT),
  'compatible': (key) => compatible(key)(CHAT),
};

// quick asks for fewer steps than a picture has by itself; providers pass on what they do not know.
const quick = { ...once, providerOptions: { openai: { steps: 8 }, vision: { steps: 8 } } };

// language makes the scenarios of one way to a language model.
const language = ([title, model]) => [
  [`${title}: whole`, async () => {
    const answer = await generateText({ ...once, model: model(), system: 'Be brief.', prompt: RIVERS, maxOutputTokens: 24, temperature: 0.7 });
    assert.ok(answer.text.trim());
    assert.ok(['stop', 'length'].includes(answer.finishReason), answer.finishReason);
    assert(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0 && answer.usage.outputTokens <= 24);
  }],

  [`${title}: streamed, with usage`, async () => {
    const { stream, pieces } = await paced(async (arrived) => {
      const stream = streamText({ ...once, model: model(), prompt: RIVERS, maxOutputTokens: 60 });
      let pieces = 0;
      for await (const _ of stream.textStream) {
        pieces++;
        arrived();
      }
      return { stream, pieces };
    });
    assert(pieces >= 5, 'not a stream but a lump');
    assert((await stream.usage).outputTokens >= pieces / 2);
  }],

  [`${title}: tools: forced, run by the SDK, the result sent back`, async () => {
    const asked = [];
    const answer = await generateText({
      ...once, model: model(), prompt: PARIS, maxOutputTokens: 200, tools: { get_weather: weather(asked) },
      toolChoice: { type: 'tool', toolName: 'get_weather' }, stopWhen: isStepCount(2),
      prepareStep: ({ stepNumber }) => (stepNumber > 0 ? { toolChoice: 'auto' } : undefined),
    });
    assert.equal(asked.length, 1);
    assert.equal(typeof asked[0], 'string');
    assert.equal(answer.steps.length, 2);
    assert.equal(answer.steps[0].toolResults[0].output.degrees, 21);
    assert.ok(answer.text.trim());
  }],

  [`${title}: tools: streamed`, async () => {
    const asked = [];
    const stream = streamText({
      ...once, model: model(), prompt: PARIS, maxOutputTokens: 200, tools: { get_weather: weather(asked) }, toolChoice: 'required',
    });
    const kinds = new Set();
    for await (const part of stream.fullStream) kinds.add(part.type);
    for (const kind of ['tool-input-start', 'tool-input-delta', 'tool-call', 'tool-result']) assert(kinds.has(kind), `no ${kind}`);
    assert.equal(asked.length, 1);
  }],

  [`${title}: a second turn, with a picture`, async () => {
    // The default provider refers to the first answer by its id.
    const options = { ...once, model: model(), maxOutputTokens: 24 };
    const first = await generateText({ ...options, prompt: RIVERS });
    const second = await generateText({
      ...options,
      messages: [
        { role: 'user', content: RIVERS },
        ...first.response.messages,
        { role: 'user', content: [{ type: 'text', text: 'And this?' }, { type: 'file', data: PIXEL, mediaType: 'image/png' }] },
      ],
    });
    assert.ok(second.text.trim());
    assert(second.usage.inputTokens > first.usage.inputTokens + first.usage.outputTokens / 2);
  }],

  [`${title}: schema: an object, whole and streamed`, async () => {
    const output = Output.object({ schema: z.object({ city: z.string(), days: z.number() }) });
    const whole = await generateText({ ...once, model: model(), prompt: PARIS, output });
    assert(typeof whole.output.city === 'string' && typeof whole.output.days === 'number', JSON.stringify(whole.output));
    const stream = streamText({ ...once, model: model(), prompt: PARIS, output });
    let last;
    for await (const part of stream.partialOutputStream) last = part;
    assert(typeof last.city === 'string' && typeof last.days === 'number', JSON.stringify(last));
  }],

  [`${title}: errors: a wrong key, no such model, a bad parameter`, async () => {
    let e = await fails(generateText({ ...once, model: model('sk-nobody-has-this-key'), prompt: RIVERS }));
    assert(APICallError.isInstance(e) && e.statusCode === 401 && !e.isRetryable, e);
    e = await fails(generateText({ ...once, model: model(), prompt: RIVERS, temperature: 9 }));
    assert(APICallError.isInstance(e) && e.statusCode === 400 && /temperature/.test(e.message), e);
    e = await fails(streamText({ ...once, model: model(), prompt: RIVERS, temperature: 9, onError: () => {} }).text);
    assert(e, 'a stream that is refused fails');
  }],

  [`${title}: cancel: in mid-stream; the next request is served`, async () => {
    await serverNotices(async () => {
      const abort = new AbortController();
      const stream = streamText({
        ...once, model: model(), prompt: RIVERS, maxOutputTokens: 400, ...LONG, abortSignal: abort.signal, onError: () => {},
      });
      let n = 0;
      for await (const part of stream.fullStream) if (part.type === 'text-delta' && ++n === 3) abort.abort();
      assert(n >= 3 && n < 50, `${n} deltas`);
    });
    assert.ok((await generateText({ ...once, model: model(), prompt: RIVERS, maxOutputTokens: 16 })).text);
  }],

  [`${title}: concurrency: 8 streams`, async () => {
    const shared = model();
    const texts = await atOnce(8, (i) => streamText({
      ...once, model: shared, prompt: `Tell me ${i + 2} things about rivers.`, maxOutputTokens: 24, temperature: 1,
    }).text);
    assert(texts.every((t) => t.trim()) && new Set(texts).size > 4);
  }],
];

// media makes the scenarios of pictures and vectors of one provider.
const media = ([title, provider]) => [
  [`${title}: images: generate, of the size asked for`, async () => {
    const { image } = await generateImage({ ...quick, model: provider().imageModel(IMAGE), prompt: 'a heron by a river', size: '256x256' });
    assert.equal(pngSize(Buffer.from(image.uint8Array)), '256x256');
    assert.equal(image.mediaType, 'image/png');
  }],

  [`${title}: images: edit, inpaint`, async () => {
    for (const [name, given] of [[EDIT, { images: [picture(256)] }], [INPAINT, { images: [picture(256)], mask: mask(256) }]]) {
      const { image } = await generateImage({ ...quick, model: provider().imageModel(name), prompt: { text: 'a heron', ...given } });
      assert.equal(pngSize(Buffer.from(image.uint8Array)), '256x256');
    }
  }],

  [`${title}: embeddings: one and many`, async () => {
    const model = provider().embeddingModel(EMBED);
    const { embedding } = await embed({ ...once, model, value: 'a heron by a river' });
    const { embeddings, usage } = await embedMany({ ...once, model, values: ['a heron by a river', 'the price of copper'] });
    assert(cosine(embedding, embeddings[0]) > 0.99999 && cosine(embedding, embeddings[1]) < 0.99);
    assert(usage.tokens > 0);
  }],
];

await main('vercel-ai', [
  ...Object.entries(languages).flatMap(language),
  ...Object.entries({ openai, compatible }).flatMap(media),

  ['rate limit: an APICallError that says when to come again', async () => {
    const model = openai(LIMITED_KEY).embeddingModel(EMBED);
    const e = await untilRefused(() => embed({ ...once, model, value: 'a heron' }));
    assert(APICallError.isInstance(e) && e.statusCode === 429 && e.isRetryable, e);
    const after = Number(e.responseHeaders['retry-after']);
    assert(after >= 1 && after <= 60, `retry-after is ${after}`);
  }],
]);
