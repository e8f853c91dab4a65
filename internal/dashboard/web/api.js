// The API, as a page of the same origin calls it. The key is in a header and
// nowhere else.
import { read } from './sse.js'

// base is where clients of OpenAI's API are pointed, whatever proxy is in between.
export const base = new URL('v1', document.baseURI.replace(/[?#].*$/, '')).href

// Failure is an error that the API answered with, or that kept it from answering.
export class Failure extends Error {
  constructor(message, { status = 0, code = null, param = null, after = null } = {}) {
    super(message)
    Object.assign(this, { status, code, param, after })
  }
}

// call sends a request. path is as in the API's description, "/v1/models".
// body is an object for JSON, a FormData, or nothing for GET.
export async function call(path, key, { body, signal } = {}) {
  const headers = { Authorization: `Bearer ${key}` }
  const form = body instanceof FormData
  if (body && !form) headers['Content-Type'] = 'application/json'
  let answer
  try {
    answer = await fetch(base + path.replace(/^\/v1/, ''), {
      method: body ? 'POST' : 'GET', headers, body: form ? body : body && JSON.stringify(body),
      signal, cache: 'no-store', credentials: 'omit', redirect: 'error',
    })
  } catch (e) {
    if (e.name === 'AbortError') throw e
    throw new Failure('The access point could not be reached. Is the network up?')
  }
  if (!answer.ok) throw await failure(answer)
  return answer
}

async function failure(answer) {
  const after = answer.headers.get('Retry-After')
  const told = { status: answer.status, after: after === null ? null : Number(after) }
  try {
    const { error } = await answer.json()
    return new Failure(error.message, { ...told, code: error.code, param: error.param })
  } catch {
    return new Failure(`The access point answered with status ${answer.status}.`, told)
  }
}

// chunks yields the parsed chunks of an answer that streams. It throws unless
// the stream ends as a good one does.
export async function* chunks(answer) {
  for await (const data of read(answer.body)) {
    if (data === '[DONE]') return
    const chunk = JSON.parse(data)
    if (chunk.error) throw new Failure(chunk.error.message, { status: answer.status, code: chunk.error.code })
    yield chunk
  }
  throw new Failure('The answer broke off before its end.')
}

// told is what the headers say of how a request was served.
export function told(answer) {
  const miner = answer.headers.get('X-Vision-Miner')
  const tries = answer.headers.get('X-Vision-Tries')
  return [
    miner && `miner ${miner.slice(0, 8)}…`,
    tries && tries !== '1' && `${tries} miners asked`,
  ].filter(Boolean)
}
