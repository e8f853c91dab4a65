// Code that calls a model, in several languages. It is pure: what it writes
// depends on its arguments alone, and never holds a key.

export const languages = [
  { id: 'curl', name: 'curl', note: 'In a shell, with your key in VISION_API_KEY.' },
  { id: 'python', name: 'Python', note: 'pip install openai, and your key in VISION_API_KEY.' },
  { id: 'javascript', name: 'JavaScript', note: 'npm install openai, a file that ends in .mjs, and your key in VISION_API_KEY.' },
  { id: 'go', name: 'Go', note: 'go get github.com/openai/openai-go/v3, and your key in VISION_API_KEY.' },
]

const bodies = {
  '/v1/chat/completions': (m) => ({ model: m.id, messages: [{ role: 'user', content: 'Tell me about rivers.' }], stream: true }),
  '/v1/completions': (m) => ({ model: m.id, prompt: 'The river rises in', max_tokens: Math.min(64, m.limits.output), stream: true }),
  '/v1/images/generations': (m) => ({ model: m.id, prompt: 'A lake among mountains at dawn', size: m.limits.sizes[0] }),
  '/v1/embeddings': (m) => ({ model: m.id, input: ['The river rises in the hills.'] }),
}

const endings = {
  '/v1/images/generations': ` \\
  | python3 -c 'import base64, json, sys; open("picture.png", "wb").write(base64.b64decode(json.load(sys.stdin)["data"][0]["b64_json"]))'`,
}

// shell quotes a text for a POSIX shell.
const shell = (s) => `'${s.replaceAll("'", `'\\''`)}'`

const quoted = JSON.stringify

function curl(base, m) {
  const body = bodies[m.path](m)
  return `curl ${body.stream ? '-N ' : ''}${shell(base + m.path.slice('/v1'.length))} \\
  -H "Authorization: Bearer $VISION_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -d ${shell(JSON.stringify(body))}${endings[m.path] ?? ''}
`
}

const python = {
  '/v1/chat/completions': (m) => `stream = client.chat.completions.create(
    model=${quoted(m.id)},
    messages=[{"role": "user", "content": "Tell me about rivers."}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()`,
  '/v1/completions': (m) => `stream = client.completions.create(
    model=${quoted(m.id)},
    prompt="The river rises in",
    max_tokens=${bodies[m.path](m).max_tokens},
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].text, end="", flush=True)
print()`,
  '/v1/images/generations': (m) => `answer = client.images.generate(
    model=${quoted(m.id)},
    prompt="A lake among mountains at dawn",
    size=${quoted(m.limits.sizes[0])},
)
with open("picture.png", "wb") as file:
    file.write(base64.b64decode(answer.data[0].b64_json))`,
  '/v1/embeddings': (m) => `answer = client.embeddings.create(
    model=${quoted(m.id)},
    input=["The river rises in the hills."],
)
print(len(answer.data[0].embedding), "dimensions")`,
}

const javascript = {
  '/v1/chat/completions': (m) => `const stream = await client.chat.completions.create({
  model: ${quoted(m.id)},
  messages: [{ role: "user", content: "Tell me about rivers." }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
}
console.log();`,
  '/v1/completions': (m) => `const stream = await client.completions.create({
  model: ${quoted(m.id)},
  prompt: "The river rises in",
  max_tokens: ${bodies[m.path](m).max_tokens},
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.text ?? "");
}
console.log();`,
  '/v1/images/generations': (m) => `const answer = await client.images.generate({
  model: ${quoted(m.id)},
  prompt: "A lake among mountains at dawn",
  size: ${quoted(m.limits.sizes[0])},
});
await writeFile("picture.png", Buffer.from(answer.data[0].b64_json, "base64"));`,
  '/v1/embeddings': (m) => `const answer = await client.embeddings.create({
  model: ${quoted(m.id)},
  input: ["The river rises in the hills."],
});
console.log(answer.data[0].embedding.length, "dimensions");`,
}

const go = {
  '/v1/chat/completions': (m) => `	stream := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{
		Model:    ${quoted(m.id)},
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Tell me about rivers.")},
	})
	for stream.Next() {
		if c := stream.Current().Choices; len(c) > 0 {
			fmt.Print(c[0].Delta.Content)
		}
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println()`,
  '/v1/completions': (m) => `	stream := client.Completions.NewStreaming(ctx, openai.CompletionNewParams{
		Model:     ${quoted(m.id)},
		Prompt:    openai.CompletionNewParamsPromptUnion{OfString: openai.String("The river rises in")},
		MaxTokens: openai.Int(${bodies[m.path](m).max_tokens}),
	})
	for stream.Next() {
		if c := stream.Current().Choices; len(c) > 0 {
			fmt.Print(c[0].Text)
		}
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println()`,
  '/v1/images/generations': (m) => `	answer, err := client.Images.Generate(ctx, openai.ImageGenerateParams{
		Model:  ${quoted(m.id)},
		Prompt: "A lake among mountains at dawn",
		Size:   ${quoted(m.limits.sizes[0])},
	})
	if err != nil {
		log.Fatal(err)
	}
	picture, err := base64.StdEncoding.DecodeString(answer.Data[0].B64JSON)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("picture.png", picture, 0o644); err != nil {
		log.Fatal(err)
	}`,
  '/v1/embeddings': (m) => `	answer, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: ${quoted(m.id)},
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"The river rises in the hills."}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(answer.Data[0].Embedding), "dimensions")`,
}

const frames = {
  curl,
  python: (base, m) => `${m.path.includes('images') ? 'import base64\n' : ''}import os

from openai import OpenAI

client = OpenAI(base_url=${quoted(base)}, api_key=os.environ["VISION_API_KEY"])
${python[m.path](m)}
`,
  javascript: (base, m) => `${m.path.includes('images') ? 'import { writeFile } from "node:fs/promises";\n' : ''}import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${quoted(base)}, apiKey: process.env.VISION_API_KEY });
${javascript[m.path](m)}
`,
  go: (base, m) => `package main

import (
	"context"
${m.path.includes('images') ? '\t"encoding/base64"\n' : '\t"fmt"\n'}	"log"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {
	ctx := context.Background()
	client := openai.NewClient(option.WithBaseURL(${quoted(base)}), option.WithAPIKey(os.Getenv("VISION_API_KEY")))
${go[m.path](m)}
}
`,
}

// snippet is the code for a model in a language; null if there is none.
export function snippet(language, base, model) {
  return model.path in bodies ? frames[language](base, model) : null
}
