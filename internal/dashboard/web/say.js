// What a screen reader is told. A stream comes in bits of words; it is said in
// whole sentences, a few seconds apart.
import { byId } from './dom.js'

const region = byId('say')

export function say(text) {
  region.replaceChildren(document.createTextNode(text))
}

// Speaker says a text that grows.
export class Speaker {
  #text = ''
  #said = 0
  #last = 0

  add(text) {
    this.#text += text
    const now = performance.now()
    if (now - this.#last < 2500) return
    const end = lastEnd(this.#text)
    if (end <= this.#said) return
    this.#last = now
    say(this.#text.slice(this.#said, end))
    this.#said = end
  }

  end() {
    const rest = this.#text.slice(this.#said).trim()
    this.#said = this.#text.length
    say(rest ? `${rest} End of the answer.` : 'End of the answer.')
  }
}

// lastEnd is where the last whole sentence or line ends.
function lastEnd(text) {
  let end = 0
  for (const m of text.matchAll(/[.!?。！？]["')\]]*\s|\n/g)) end = m.index + m[0].length
  return end
}
