// A text that is being written: shown, said and measured.
import { call, chunks, told } from './api.js'
import { plural, price, rate, seconds } from './format.js'
import { Speaker } from './say.js'
import { el } from './dom.js'

export class Writing {
  constructor(who) {
    this.text = document.createTextNode('')
    this.thoughts = document.createTextNode('')
    this.facts = el('p.facts')
    this.thought = el('p.thought', { hidden: true }, this.thoughts)
    this.turn = el('div.turn.writing', { 'aria-busy': 'true' }, el('p.who', {}, who), this.thought, el('p.said', {}, this.text), this.facts)
  }

  // follow asks for a stream and writes down what pick takes of each choice:
  // { text, thought }. It resolves when the stream has ended well.
  async follow(path, model, key, body, signal, pick, shown) {
    const begun = performance.now()
    const speaker = new Speaker()
    let first = 0
    let usage = null
    try {
      const answer = await call(path, key, { body: { ...body, stream: true, stream_options: { include_usage: true } }, signal })
      const headers = told(answer)
      for await (const chunk of chunks(answer)) {
        usage = chunk.usage ?? usage
        const { text, thought } = chunk.choices?.[0] ? pick(chunk.choices[0]) : {}
        if (!text && !thought) continue
        first ||= performance.now()
        if (thought) {
          this.thought.hidden = false
          this.thoughts.appendData(thought)
        }
        if (text) {
          this.text.appendData(text)
          speaker.add(text)
        }
        shown()
      }
      this.facts.textContent = facts(model, usage, begun, first, performance.now(), headers)
      speaker.end()
    } finally {
      this.turn.classList.remove('writing')
      this.turn.setAttribute('aria-busy', 'false')
      shown()
    }
  }
}

function facts(model, usage, begun, first, ended, headers) {
  const said = []
  if (usage) {
    const took = (ended - begun) / 1000
    said.push(plural(usage.completion_tokens, 'token'))
    if (took > 0) said.push(`${rate(usage.completion_tokens / took)} tokens / s`)
  }
  if (first) said.push(`first after ${seconds((first - begun) / 1000)}`)
  if (usage) said.push(cost(model, usage.prompt_tokens, usage.completion_tokens))
  return [...said, ...headers].join(' · ')
}

// cost is what a request costs by the model's list price.
export function cost(model, prompt, output) {
  const micro = Math.ceil((prompt * model.price.prompt + output * model.price.output) / 1000)
  return micro ? `${price(micro, '')} credits` : 'free'
}

// Follower keeps a box that scrolls at its end, unless the reader went back.
export function follower(box) {
  let at = true
  box.addEventListener('scroll', () => { at = box.scrollHeight - box.scrollTop - box.clientHeight < 40 }, { passive: true })
  return (force) => { if (at || force) box.scrollTop = box.scrollHeight }
}
