// Server-sent events out of a stream of bytes.

// read yields the data of each event: the lines "data:" of one block, joined.
// Other fields and comments are left out. A block without its blank line at
// the end, as a broken connection leaves it, is no event.
export async function* read(bytes) {
  const decoder = new TextDecoder()
  let rest = ''
  let data = []
  for await (const chunk of pieces(bytes)) {
    rest += decoder.decode(chunk, { stream: true })
    let end
    while ((end = rest.search(/\r\n|\n|\r(?!$)/)) >= 0) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + (rest.startsWith('\r\n', end) ? 2 : 1))
      if (line === '') {
        if (data.length) yield data.join('\n')
        data = []
      } else if (line.startsWith('data:')) {
        data.push(line.slice(line[5] === ' ' ? 6 : 5))
      }
    }
  }
}

// Not every browser can iterate over a stream by itself.
async function* pieces(stream) {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}
