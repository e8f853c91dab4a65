// The official Node SDK.
import assert from 'node:assert/strict';
import OpenAI, { toFile } from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import {
  API, CHAT, COMPLETION, EDIT, EMBED, IMAGE, INPAINT, KEY, LIMIT, LIMITED_KEY, LONG, PARIS, PIXEL, RIVERS, UPSCALE, WEATHER_SCHEMA,
  atOnce, cosine, fails, main, mask, paced, picture, pngSize, serverNotices, untilRefused,
} from './scenarios.js';

// No retries: what the first answer says is what is tested.
const client = (options = {}) => new OpenAI({ baseURL: API, apiKey: KEY, maxRetries: 0, timeout: 120_000, ...options });
const openai = client();

const rivers = [{ role: 'user', content: RIVERS }];
const paris = [{ role: 'user', content: PARIS }];
const weather = { type: 'function', function: { name: 'get_weather', description: 'The weather somewhere', parameters: WEATHER_SCHEMA } };

// exhausted asks until the key is refused, and gives the error; the SDK must not
// have tried again. It may before, where the machine is busy and the balance takes
// longer to read than a request waits: status 503.
async function exhausted(key, options = { maxRetries: 3 }) {
  let refusals = 0, served = 0;
  const count = async (...args) => {
    const answer = await fetch(...args);
    if (answer.status === 429) refusals++;
    return answer;
  };
  const c = client({ apiKey: process.env[key], fetch: count, ...options });
  for (let seed = 0; seed < 30; seed++) {
    try {
      await c.chat.completions.create({ model: CHAT, messages: rivers, max_tokens: 200, temperature: 1, seed });
      served++;
    } catch (e) {
      if (e.status === 503) continue;
      assert(served > 0, e);
      assert.equal(refusals, 1, 'refusals');
      return e;
    }
  }
  throw new Error('30 requests passed');
}

const Weather = z.object({ city: z.string(), days: z.number() });

await main('openai-node', [
  ['models: list, retrieve', async () => {
    const names = [];
    for await (const model of openai.models.list()) names.push(model.id);
    for (const name of [CHAT, COMPLETION, IMAGE, EMBED]) assert(names.includes(name), name);
    assert.equal((await openai.models.retrieve(CHAT)).id, CHAT);
  }],

  ['chat: whole', async () => {
    const { data: answer, response } = await openai.chat.completions
      .create({ model: CHAT, messages: rivers, max_completion_tokens: 24, seed: 7, stop: ['\n\n'], logprobs: true, top_logprobs: 2 })
      .withResponse();
    assert.ok(response.headers.get('x-request-id'));
    assert.ok(answer.choices[0].message.content.trim());
    assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
    assert.equal(answer.choices[0].logprobs.content.length, answer.usage.completion_tokens);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  }],

  ['chat: streamed, with usage', async () => {
    const chunks = await paced(async (arrived) => {
      const stream = await openai.chat.completions.create({
        model: CHAT, messages: rivers, max_tokens: 60, stream: true, stream_options: { include_usage: true },
      });
      const chunks = [];
      for await (const chunk of stream) {
        chunks.push(chunk);
        arrived();
      }
      return chunks;
    });
    const texts = chunks.filter((c) => c.choices[0]?.delta.content);
    assert(texts.length >= 5, 'not a stream but a lump');
    assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
    assert.equal(chunks.filter((c) => c.choices[0]?.finish_reason).length, 1);
    const { usage, choices } = chunks.at(-1);
    assert.equal(choices.length, 0);
    assert(usage.completion_tokens >= texts.length && usage.completion_tokens <= 60);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  }],

  ["chat: streamed, the SDK's accumulator", async () => {
    const deltas = [];
    const runner = openai.chat.completions.stream({ model: CHAT, messages: rivers, max_tokens: 24 });
    runner.on('content', (delta) => deltas.push(delta));
    const answer = await runner.finalChatCompletion();
    assert.ok(answer.choices[0].message.content);
    assert.equal(answer.choices[0].message.content, deltas.join(''));
  }],

  ['chat: two answers, whole and streamed', async () => {
    const request = { model: CHAT, messages: rivers, max_tokens: 24, temperature: 1, seed: 5, n: 2 };
    const answer = await openai.chat.completions.create(request);
    assert.deepEqual(answer.choices.map((c) => c.index), [0, 1]);
    const texts = answer.choices.map((c) => c.message.content);
    assert.notEqual(texts[0], texts[1]);
    const streamed = await openai.chat.completions.stream(request).finalChatCompletion();
    assert.deepEqual(streamed.choices.map((c) => c.message.content), texts);
  }],

  ['tools: forced, the result sent back', async () => {
    const request = { model: CHAT, max_tokens: 200, tools: [weather] };
    const answer = await openai.chat.completions.create({
      ...request, messages: paris, tool_choice: { type: 'function', function: { name: 'get_weather' } },
    });
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(call.function.name, 'get_weather');
    assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
    const after = await openai.chat.completions.create({
      ...request, max_tokens: 24,
      messages: [...paris, answer.choices[0].message, { role: 'tool', tool_call_id: call.id, content: '{"degrees":21}' }],
    });
    assert.ok(after.choices[0].message.content.trim());
  }],

  ['tools: streamed', async () => {
    const runner = openai.chat.completions.stream({ model: CHAT, messages: paris, max_tokens: 200, tools: [weather], tool_choice: 'required' });
    const [call] = (await runner.finalChatCompletion()).choices[0].message.tool_calls;
    assert.equal(call.function.name, 'get_weather');
    assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
  }],

  ['tools: the SDK runs a function and sends its result', async () => {
    const asked = [];
    const runner = openai.chat.completions.runTools({
      model: CHAT, messages: paris, max_tokens: 200,
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      tools: [{
        type: 'function',
        function: { name: 'get_weather', parse: JSON.parse, parameters: WEATHER_SCHEMA, function: ({ city }) => { asked.push(city); return '21 degrees'; } },
      }],
    });
    await runner.done(); // with a function that is forced the SDK asks once
    assert.equal(asked.length, 1);
  }],

  ['schema: parsed by the SDK, whole and streamed', async () => {
    const request = { model: CHAT, messages: paris, response_format: zodResponseFormat(Weather, 'weather') };
    const answer = await openai.chat.completions.parse(request);
    Weather.parse(answer.choices[0].message.parsed);
    const streamed = await openai.chat.completions.stream(request).finalChatCompletion();
    Weather.parse(streamed.choices[0].message.parsed);
  }],

  ['responses: whole', async () => {
    const answer = await openai.responses.create({ model: CHAT, instructions: 'Be brief.', input: RIVERS, max_output_tokens: 24 });
    assert.ok(answer.output_text.trim());
    assert.ok(['completed', 'incomplete'].includes(answer.status));
    assert(answer.usage.output_tokens > 0 && answer.usage.output_tokens <= 24);
    const talk = await openai.responses.create({
      model: CHAT, max_output_tokens: 16, input: [{ role: 'user', content: RIVERS }, ...answer.output, { role: 'user', content: 'Go on.' }],
    });
    assert.ok(talk.output_text.trim());
  }],

  ['responses: streamed', async () => {
    let text = '';
    let deltas = 0;
    let last;
    for await (const event of await openai.responses.create({ model: CHAT, input: RIVERS, max_output_tokens: 60, stream: true })) {
      if (event.type === 'response.output_text.delta') {
        text += event.delta;
        deltas++;
      }
      last = event;
    }
    assert(deltas >= 5, 'not a stream but a lump');
    assert.ok(['response.completed', 'response.incomplete'].includes(last.type), last.type);
    assert.equal(last.response.output[0].content[0].text, text);
    const helper = openai.responses.stream({ model: CHAT, input: RIVERS, max_output_tokens: 24 });
    assert.ok((await helper.finalResponse()).output_text.trim());
  }],

  ['responses: tools: forced, the result sent back; schema', async () => {
    const request = { model: CHAT, tools: [{ type: 'function', name: 'get_weather', parameters: WEATHER_SCHEMA, strict: true }] };
    const { output: [call] } = await openai.responses.create({ ...request, input: paris, tool_choice: { type: 'function', name: 'get_weather' } });
    assert.equal(call.type, 'function_call');
    assert.equal(typeof JSON.parse(call.arguments).city, 'string');
    const after = await openai.responses.create({
      ...request, max_output_tokens: 24,
      input: [...paris, call, { type: 'function_call_output', call_id: call.call_id, output: '{"degrees":21}' }],
    });
    assert.ok(after.output_text.trim());
    const parsed = await openai.responses.parse({ model: CHAT, input: PARIS, text: { format: zodTextFormat(Weather, 'weather') } });
    Weather.parse(parsed.output_parsed);
  }],

  ['responses: gone on from by id, whole and streamed; shown; forgotten', async () => {
    const first = await openai.responses.create({
      model: CHAT, input: PARIS, tools: [{ type: 'function', name: 'get_weather', parameters: WEATHER_SCHEMA, strict: true }],
      tool_choice: { type: 'function', name: 'get_weather' },
    });
    const second = await openai.responses.create({
      model: CHAT, max_output_tokens: 24, previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: first.output[0].call_id, output: '{"degrees":21}' }],
    });
    assert.ok(second.output_text.trim());
    assert.equal(second.previous_response_id, first.id);
    assert(second.usage.input_tokens > first.usage.input_tokens);
    const third = await openai.responses.stream({ model: CHAT, max_output_tokens: 24, previous_response_id: second.id, input: 'Go on.' }).finalResponse();
    assert(third.usage.input_tokens > second.usage.input_tokens);
    assert.equal((await openai.responses.retrieve(third.id)).output_text, third.output_text);
    await openai.responses.delete(third.id);
    let e = await fails(openai.responses.retrieve(third.id));
    assert(e instanceof OpenAI.NotFoundError && e.code === 'response_not_found', e);
    e = await fails(openai.responses.create({ model: CHAT, previous_response_id: third.id, input: 'Go on.' }));
    assert(e instanceof OpenAI.BadRequestError && e.code === 'previous_response_not_found', e);
  }],

  ['responses: errors: no such model, bad parameters, no such response', async () => {
    let e = await fails(openai.responses.create({ model: 'no-such-model', input: RIVERS }));
    assert(e instanceof OpenAI.NotFoundError && e.code === 'model_not_found', e);
    for (const wrong of [{ temperature: 9 }, { max_output_tokens: -1 }, { previous_response_id: 'resp_1' }]) {
      e = await fails(openai.responses.create({ model: CHAT, input: RIVERS, ...wrong }));
      assert(e instanceof OpenAI.BadRequestError, e);
      assert.equal(e.param, Object.keys(wrong)[0]);
    }
  }],

  ['pictures in a conversation, by either API', async () => {
    const url = `data:image/png;base64,${PIXEL}`;
    const answer = await openai.chat.completions.create({
      model: CHAT, max_tokens: 16,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url } }] }],
    });
    assert.ok(answer.choices[0].message.content.trim());
    const response = await openai.responses.create({
      model: CHAT, max_output_tokens: 16,
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'What is this?' }, { type: 'input_image', image_url: url, detail: 'auto' }] }],
    });
    assert.ok(response.output_text.trim());
  }],

  ['completions: whole and streamed', async () => {
    const answer = await openai.completions.create({ model: COMPLETION, prompt: 'The river', max_tokens: 16 });
    assert.ok(answer.choices[0].text);
    let texts = 0;
    for await (const chunk of await openai.completions.create({ model: COMPLETION, prompt: 'The river', max_tokens: 32, stream: true })) {
      if (chunk.choices[0]?.text) texts++;
    }
    assert(texts >= 5);
  }],

  ['images: generate, of the size asked for', async () => {
    for (const size of ['256x256', '512x512']) {
      const picture = await openai.images.generate({ model: IMAGE, prompt: 'a heron by a river', size, steps: 8, response_format: 'b64_json' });
      assert.equal(pngSize(Buffer.from(picture.data[0].b64_json, 'base64')), size);
    }
  }],

  ['images: edit, inpaint, vary', async () => {
    const file = (raw) => toFile(raw, 'picture.png', { type: 'image/png' });
    const size = (answer) => pngSize(Buffer.from(answer.data[0].b64_json, 'base64'));
    const edited = await openai.images.edit({ model: EDIT, image: await file(picture(256)), prompt: 'make it winter', steps: 8 });
    assert.equal(size(edited), '256x256');
    const inpainted = await openai.images.edit({
      model: INPAINT, image: await file(picture(256)), mask: await file(mask(256)), prompt: 'a heron', steps: 8,
    });
    assert.equal(size(inpainted), '256x256');
    assert.equal(size(await openai.images.createVariation({ model: UPSCALE, image: await file(picture(64)) })), '256x256');
    const e = await fails(openai.images.edit({ model: INPAINT, image: await file(picture(256)), prompt: 'a heron' }));
    assert(e instanceof OpenAI.BadRequestError && e.param === 'mask', e);
  }],

  ['embeddings: base64 and float agree, lists keep their order', async () => {
    const input = ['a heron by a river', 'the price of copper', 'a heron by a river'];
    const decoded = await openai.embeddings.create({ model: EMBED, input }); // the SDK asks for base64 by itself
    const [first, other, again] = decoded.data.map((d) => d.embedding);
    assert(first.length > 16 && cosine(first, again) > 0.999999 && cosine(first, other) < 0.99);
    const floats = await openai.embeddings.create({ model: EMBED, input: input[0], encoding_format: 'float' });
    assert(cosine(first, floats.data[0].embedding) > 0.99999);
  }],

  ['errors: a wrong key, no such model, bad parameters', async () => {
    let e = await fails(client({ apiKey: 'sk-nobody-has-this-key' }).models.list());
    assert(e instanceof OpenAI.AuthenticationError && e.code === 'invalid_api_key', e);
    e = await fails(openai.chat.completions.create({ model: 'vision-ref-chatt', messages: rivers }));
    assert(e instanceof OpenAI.NotFoundError && e.code === 'model_not_found' && e.message.includes(CHAT), e);
    for (const wrong of [{ max_tokens: -1 }, { temperature: 9 }, { top_p: 2 }, { messages: [] }]) {
      for (const stream of [false, true]) {
        e = await fails(openai.chat.completions.create({ model: CHAT, messages: rivers, stream, ...wrong }));
        assert(e instanceof OpenAI.BadRequestError, e);
        assert.equal(e.param, Object.keys(wrong)[0]);
        assert.equal(e.type, 'invalid_request_error');
      }
    }
  }],

  ['rate limit: RateLimitError with retry-after', async () => {
    const limited = client({ apiKey: LIMITED_KEY });
    const e = await untilRefused(() => limited.models.list());
    assert(e instanceof OpenAI.RateLimitError && e.status === 429 && e.code === 'rate_limit_exceeded', e);
    const after = Number(e.headers.get('retry-after'));
    assert(after >= 1 && after <= 60, `retry-after is ${after}`);
    assert.equal(e.headers.get('x-ratelimit-limit-requests'), String(LIMIT));
  }],

  ['money: no balance, no spend limit left: insufficient_quota, without retries', async () => {
    for (const key of ['VISION_POOR_KEY', 'VISION_CAPPED_KEY']) {
      const e = await exhausted(key);
      assert(e instanceof OpenAI.RateLimitError && e.code === 'insufficient_quota' && e.type === 'insufficient_quota', e);
      assert.equal(e.headers.get('x-should-retry'), 'false');
    }
  }],

  ['tokens a minute: RateLimitError with retry-after', async () => {
    const e = await exhausted('VISION_METERED_KEY', { maxRetries: 0 });
    assert(e instanceof OpenAI.RateLimitError && e.code === 'rate_limit_exceeded', e);
    assert.equal(e.headers.get('x-ratelimit-limit-tokens'), '250');
    assert(Number(e.headers.get('retry-after')) >= 1);
  }],

  ['one request at once: RateLimitError, then served; the SDK waits by itself', async () => {
    const apiKey = process.env.VISION_SINGLE_KEY;
    const request = { model: CHAT, messages: rivers, max_tokens: 4 };
    let stream, e;
    for (let tries = 0; !e; tries++) { // if we are slow, the first may be over before the second is asked
      assert(tries < 20, 'two requests at once were served 20 times');
      stream = await client({ apiKey, maxRetries: 60 }).chat.completions.create({ model: CHAT, messages: rivers, stream: true, max_tokens: 400, ...LONG });
      await client({ apiKey }).chat.completions.create(request).catch((why) => { e = why; });
    }
    assert(e instanceof OpenAI.RateLimitError && e.code === 'concurrency_limit_exceeded', e);
    const waiting = client({ apiKey, maxRetries: 60 }).chat.completions.create(request);
    for await (const chunk of stream) assert.equal(chunk.object, 'chat.completion.chunk');
    assert.ok((await waiting).choices.length);
  }],

  ['a key for some models: PermissionDeniedError for others', async () => {
    const scoped = client({ apiKey: process.env.VISION_SCOPED_KEY });
    for (const stream of [false, true]) {
      const e = await fails(scoped.chat.completions.create({ model: CHAT, messages: rivers, stream }));
      assert(e instanceof OpenAI.PermissionDeniedError && e.code === 'model_not_allowed', e);
    }
    assert.deepEqual((await scoped.models.list()).data.map((m) => m.id), [EMBED]);
    assert.ok((await scoped.embeddings.create({ model: EMBED, input: 'a heron' })).data.length);
  }],

  ['cancel: in mid-stream; the next request is served', async () => {
    for (const how of ['abort', 'break']) {
      await serverNotices(async () => {
        const stream = await openai.chat.completions.create({ model: CHAT, messages: rivers, stream: true, max_tokens: 400, ...LONG });
        let n = 0;
        for await (const chunk of stream) {
          assert.equal(chunk.object, 'chat.completion.chunk');
          if (++n < 3) continue;
          if (how === 'break') break; // which the SDK takes for a wish to abort
          stream.controller.abort();
        }
        assert(n >= 3, `${n} chunks`);
      });
    }
    assert.ok((await openai.chat.completions.create({ model: CHAT, messages: rivers, max_tokens: 4 })).choices.length);
  }],

  ['concurrency: 8 streams of one client', async () => {
    const ask = async (seed) => {
      let text = '';
      for await (const c of await openai.chat.completions.create({ model: CHAT, messages: rivers, seed, max_tokens: 24, stream: true })) {
        text += c.choices[0]?.delta.content ?? '';
      }
      return text;
    };
    const together = await atOnce(8, ask);
    assert(new Set(together).size > 4);
    assert.equal(await ask(3), together[3], 'streams got mixed up');
  }],
]);
