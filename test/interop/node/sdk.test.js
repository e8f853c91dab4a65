// The official Node SDK against a live devnet. The devnet's address and keys
// come from the environment: VISION_API, VISION_KEY, VISION_LIMITED_KEY (few
// requests a minute, VISION_LIMIT).
//
// The SDK is of the last major version that supports Node 20.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'

const { VISION_API, VISION_KEY, VISION_LIMITED_KEY, VISION_LIMIT } = process.env
const [chat, completion, image, embed] = ['chat', 'completion', 'image', 'embed'].map((kind) => `vision-ref-${kind}`)
const messages = [{ role: 'user', content: 'Tell me about rivers.' }]
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather somewhere',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}

// Without retries: what the first answer says is what is tested.
const client = (apiKey = VISION_KEY) => new OpenAI({ baseURL: VISION_API, apiKey, maxRetries: 0, timeout: 60_000 })

async function collect(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

test('chat streams token by token, with usage when asked', async () => {
  const chunks = await collect(
    await client().chat.completions.create({
      model: chat, messages, max_tokens: 48, stream: true, stream_options: { include_usage: true },
    }),
  )
  const texts = chunks.filter((c) => c.choices[0]?.delta.content)
  assert.ok(texts.length >= 5, `only ${texts.length} chunks have text`)
  assert.ok(chunks.every((c) => c.object === 'chat.completion.chunk' && c.model === chat && c.id === chunks[0].id))
  const finishes = chunks.map((c) => c.choices[0]?.finish_reason).filter(Boolean)
  assert.equal(finishes.length, 1)
  assert.ok(['stop', 'length'].includes(finishes[0]))
  const { usage } = chunks.at(-1)
  assert.ok(usage.completion_tokens >= texts.length && usage.completion_tokens <= 48)
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
})

test('the SDK\'s own reader of streams puts the answer together', async () => {
  const stream = client().chat.completions.stream({ model: chat, messages, max_tokens: 24 })
  let text = ''
  stream.on('content', (delta) => { text += delta })
  const whole = await stream.finalChatCompletion()
  assert.equal(whole.choices[0].message.content, text)
  assert.ok(text.trim())
})

test('chat answers whole', async () => {
  const answer = await client().chat.completions.create({ model: chat, messages, max_tokens: 24, seed: 7 })
  assert.equal(answer.object, 'chat.completion')
  assert.ok(answer.choices[0].message.content.trim())
  assert.ok(answer.usage.completion_tokens <= 24)
})

test('a forced tool is called', async () => {
  const answer = await client().chat.completions.create({
    model: chat, messages, max_tokens: 200, tools: [weather],
    tool_choice: { type: 'function', function: { name: 'get_weather' } },
  })
  const [call] = answer.choices[0].message.tool_calls
  assert.equal(call.function.name, 'get_weather')
  assert.equal(typeof JSON.parse(call.function.arguments).city, 'string')
})

test('completions stream, and answer whole', async () => {
  const chunks = await collect(
    await client().completions.create({ model: completion, prompt: 'The river', max_tokens: 32, stream: true }),
  )
  assert.ok(chunks.filter((c) => c.choices[0]?.text).length >= 5)
  const answer = await client().completions.create({ model: completion, prompt: 'The river', max_tokens: 16 })
  assert.ok(answer.choices[0].text)
})

test('a picture has the size asked for', async () => {
  const answer = await client().images.generate({
    model: image, prompt: 'a heron by a river', size: '256x256', response_format: 'b64_json',
  })
  const raw = Buffer.from(answer.data[0].b64_json, 'base64')
  assert.equal(raw.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n')
  assert.deepEqual([raw.readUInt32BE(16), raw.readUInt32BE(20)], [256, 256])
})

test('embeddings agree in base64, which the SDK asks for by itself, and in numbers', async () => {
  const cosine = (a, b) => {
    const dot = (x, y) => x.reduce((sum, v, i) => sum + v * y[i], 0)
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
  }
  const input = 'Rivers carry water to the sea.'
  const base64 = (await client().embeddings.create({ model: embed, input })).data[0].embedding
  const floats = (await client().embeddings.create({ model: embed, input, encoding_format: 'float' })).data[0].embedding
  assert.ok(base64.length > 16)
  assert.equal(base64.length, floats.length)
  assert.ok(Math.abs(cosine(base64, floats) - 1) < 1e-5)
})

test('models are listed and retrieved', async () => {
  const names = (await collect(client().models.list())).map((m) => m.id)
  for (const name of [chat, completion, image, embed]) assert.ok(names.includes(name), name)
  assert.equal((await client().models.retrieve(chat)).id, chat)
})

test('errors are of the SDK\'s classes', async () => {
  await assert.rejects(client('sk-nobody-has-this-key').models.list(), OpenAI.AuthenticationError)
  await assert.rejects(client().chat.completions.create({ model: 'no-such-model', messages }), (e) =>
    e instanceof OpenAI.NotFoundError && e.code === 'model_not_found')
  await assert.rejects(client().chat.completions.create({ model: chat, messages, temperature: 9 }), (e) =>
    e instanceof OpenAI.BadRequestError && e.param === 'temperature')
})

test('a key over its limit is told when to come back', async () => {
  const limited = client(VISION_LIMITED_KEY)
  await assert.rejects(async () => {
    for (let i = 0; i < Number(VISION_LIMIT) + 2; i++) {
      await limited.chat.completions.create({ model: chat, messages, max_tokens: 1 })
    }
  }, (e) => e instanceof OpenAI.RateLimitError && Number(e.headers.get('retry-after')) >= 1)
})

test('a stream can be canceled, and the next request is served', async () => {
  const c = client()
  for (let round = 0; round < 3; round++) {
    const stream = await c.chat.completions.create({ model: chat, messages, max_tokens: 400, stream: true })
    let seen = 0
    for await (const chunk of stream) {
      assert.equal(chunk.object, 'chat.completion.chunk')
      if (++seen === 3) break // aborts the request
    }
    assert.equal(seen, 3)
  }
  const answer = await c.chat.completions.create({ model: chat, messages, max_tokens: 4 })
  assert.ok(answer.choices.length)
})
