// LangChain for JavaScript, by its package for OpenAI.
import assert from 'node:assert/strict';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { StringOutputParser } from '@langchain/core/output_parsers';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import {
  API, CHAT, EMBED, KEY, LIMITED_KEY, LONG, PARIS, PIXEL, RIVERS, atOnce, cosine, fails, main, serverNotices, untilRefused,
} from './scenarios.js';

const configuration = { baseURL: API };

// Without retries: what the first answer says is what is tested. Seeds and the
// like, for which LangChain has no field, go into modelKwargs.
const chat = (options = {}) => new ChatOpenAI({ model: CHAT, apiKey: KEY, configuration, maxRetries: 0, timeout: 120_000, ...options });
const embeddings = (apiKey = KEY) => new OpenAIEmbeddings({ model: EMBED, apiKey, configuration, maxRetries: 0 });

const weather = tool(async ({ city }) => `21 degrees in ${city}`, {
  name: 'get_weather', description: 'The weather somewhere', schema: z.object({ city: z.string() }),
});

await main('langchain-js', [
  ['chat: whole', async () => {
    const answer = await chat({ maxTokens: 24 }).invoke([new SystemMessage('Be brief.'), new HumanMessage(RIVERS)]);
    assert.ok(answer.text.trim());
    assert(answer.usage_metadata.input_tokens > 0 && answer.usage_metadata.output_tokens <= 24);
    assert.ok(['stop', 'length'].includes(answer.response_metadata.finish_reason));
  }],

  ['chat: a chain of prompt, model and parser, streamed', async () => {
    const chain = ChatPromptTemplate.fromTemplate('Tell me about {what}.').pipe(chat({ maxTokens: 60 })).pipe(new StringOutputParser());
    const pieces = [];
    for await (const piece of await chain.stream({ what: 'rivers' })) pieces.push(piece);
    assert(pieces.filter(Boolean).length >= 5, 'not a stream but a lump');
  }],

  ['chat: streamed, with usage', async () => {
    let whole;
    for await (const chunk of await chat({ maxTokens: 60, streamUsage: true }).stream(RIVERS)) whole = whole ? whole.concat(chunk) : chunk;
    assert.ok(whole.text.trim());
    assert(whole.usage_metadata.output_tokens > 0 && whole.usage_metadata.output_tokens <= 60);
  }],

  ['tools: forced, the result sent back', async () => {
    const asked = new HumanMessage(PARIS);
    const call = await chat({ maxTokens: 200 }).bindTools([weather], { tool_choice: 'get_weather' }).invoke([asked]);
    assert.equal(call.tool_calls.length, 1);
    const result = await weather.invoke(call.tool_calls[0]);
    assert(result instanceof ToolMessage);
    const after = await chat({ maxTokens: 24 }).bindTools([weather]).invoke([asked, call, result]);
    assert.ok(after.text.trim());
  }],

  ['tools: streamed', async () => {
    let whole;
    for await (const chunk of await chat({ maxTokens: 200 }).bindTools([weather], { tool_choice: 'required' }).stream(PARIS)) {
      whole = whole ? whole.concat(chunk) : chunk;
    }
    assert.equal(whole.tool_calls[0].name, 'get_weather');
    assert.equal(typeof whole.tool_calls[0].args.city, 'string');
  }],

  ['schema: structured output by a function, by a schema', async () => {
    for (const method of ['functionCalling', 'jsonSchema']) {
      const answer = await chat({ maxTokens: 200 }).withStructuredOutput(z.object({ city: z.string() }), { name: 'place', method }).invoke(PARIS);
      assert.equal(typeof answer.city, 'string', method);
    }
  }],

  ['responses: whole, streamed, tools, schema', async () => {
    const model = chat({ maxTokens: 200, useResponsesApi: true });
    const whole = await model.invoke([new SystemMessage('Be brief.'), new HumanMessage(RIVERS)]);
    assert(whole.text.trim() && whole.usage_metadata.output_tokens > 0);
    let streamed;
    for await (const chunk of await model.stream(RIVERS)) streamed = streamed ? streamed.concat(chunk) : chunk;
    assert.ok(streamed.text.trim());
    const asked = new HumanMessage(PARIS);
    const call = await model.bindTools([weather], { tool_choice: 'get_weather' }).invoke([asked]);
    const after = await model.bindTools([weather]).invoke([asked, call, await weather.invoke(call.tool_calls[0])]);
    assert.ok(after.text.trim());
    const answer = await model.withStructuredOutput(z.object({ city: z.string() }), { name: 'place' }).invoke(PARIS);
    assert.equal(typeof answer.city, 'string');
  }],

  ['pictures in a conversation', async () => {
    const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } };
    const answer = await chat({ maxTokens: 16 }).invoke([new HumanMessage({ content: [{ type: 'text', text: 'What is this?' }, picture] })]);
    assert.ok(answer.text.trim());
  }],

  ['embeddings: documents and a query', async () => {
    const [first, other] = await embeddings().embedDocuments(['a heron by a river', 'the price of copper']);
    const again = await embeddings().embedQuery('a heron by a river');
    assert(cosine(first, again) > 0.99999 && cosine(first, other) < 0.99);
  }],

  ['errors: a wrong key, no such model, a bad parameter', async () => {
    let e = await fails(chat({ apiKey: 'sk-nobody-has-this-key' }).invoke(RIVERS));
    assert(e.status === 401 && e.lc_error_code === 'MODEL_AUTHENTICATION', e);
    e = await fails(chat({ model: 'no-such-model' }).invoke(RIVERS));
    assert(e.status === 404 && e.lc_error_code === 'MODEL_NOT_FOUND', e);
    e = await fails(chat({ temperature: 9 }).invoke(RIVERS));
    assert(e.status === 400 && e.param === 'temperature', e);
  }],

  ['rate limit: an error of that kind, with retry-after', async () => {
    const limited = embeddings(LIMITED_KEY);
    const e = await untilRefused(() => limited.embedQuery('a heron'));
    assert(e.status === 429 && e.lc_error_code === 'MODEL_RATE_LIMIT', e);
    const after = Number(e.headers.get('retry-after'));
    assert(after >= 1 && after <= 60, `retry-after is ${after}`);
  }],

  ['cancel: in mid-stream; the next request is served', async () => {
    await serverNotices(async () => {
      const abort = new AbortController();
      const model = chat({ maxTokens: 400, temperature: LONG.temperature, modelKwargs: { seed: LONG.seed } });
      let n = 0;
      const e = await fails((async () => {
        for await (const _ of await model.stream(RIVERS, { signal: abort.signal })) if (++n === 3) abort.abort();
      })());
      assert(n >= 3 && n < 50 && /abort/i.test(`${e.name} ${e.message}`), e);
    });
    assert.ok((await chat({ maxTokens: 16 }).invoke(RIVERS)).text);
  }],

  ['concurrency: a batch of 8', async () => {
    const prompts = await atOnce(8, async (i) => `Tell me ${i + 2} things about rivers.`);
    const answers = await chat({ maxTokens: 24, temperature: 1 }).batch(prompts);
    assert(answers.every((a) => a.text.trim()) && new Set(answers.map((a) => a.text)).size > 4);
  }],
]);
