// The playground for models that answer in a conversation.
import { asked, el, field, number } from './dom.js'
import { chosen } from './offer.js'
import { Run, enterSends, form } from './run.js'
import { Writing, follower } from './streamed.js'

export function panel() {
  const history = []
  const system = el('textarea', { id: 'chat-system', rows: 2, autocomplete: 'off' })
  const most = number('chat-most', { min: 1, step: 1 })
  const temperature = number('chat-temperature', { min: 0, max: 2, step: 0.1, placeholder: '1' })
  const seed = number('chat-seed', { step: 1, placeholder: 'random' })
  const empty = el('p.empty', {}, 'Say something, and the answer appears here as it is written.')
  const output = el('div.output', { role: 'region', 'aria-label': 'Conversation', tabIndex: 0 }, empty)
  const text = el('textarea', { id: 'chat-text', rows: 3, placeholder: 'Tell me about rivers.', 'aria-describedby': 'chat-hint' })
  const scroll = follower(output)

  const run = new Run('Send', work, text)
  const clear = el('button.quiet', { type: 'button', onclick: reset, disabled: true }, 'Clear')
  run.begin = () => { if (text.value.trim()) run.start() }
  enterSends(text)

  function reset() {
    run.control?.abort()
    history.length = 0
    output.replaceChildren(empty)
    run.error.textContent = ''
    clear.disabled = true
    text.focus()
  }

  async function work(key, signal) {
    const model = chosen()
    const said = text.value.trim()
    const mine = el('div.turn.you', {}, el('p.hidden', {}, 'You'), el('p.said', {}, said))
    const writing = new Writing(model.id)
    empty.remove()
    output.append(mine, writing.turn)
    scroll(true)
    text.value = ''
    clear.disabled = false
    const messages = [...history, { role: 'user', content: said }]
    if (system.value.trim()) messages.unshift({ role: 'system', content: system.value.trim() })
    const body = { model: model.id, messages, max_completion_tokens: asked(most), temperature: asked(temperature), seed: asked(seed) }
    try {
      await writing.follow(model.path, model, key, body, signal, ({ delta }) => ({
        text: delta.content ?? '', thought: delta.reasoning_content ?? delta.reasoning ?? '',
      }), scroll)
    } catch (e) {
      if (writing.text.data === '') { // nothing came of it: as if it had not been sent
        mine.remove()
        writing.turn.remove()
        if (!history.length) output.replaceChildren(empty)
        if (text.value === '') text.value = said
      } else {
        writing.facts.textContent = e.name === 'AbortError' ? 'Stopped.' : 'This answer is not whole.'
      }
      throw e
    } finally {
      if (writing.text.data && mine.isConnected) history.push({ role: 'user', content: said }, { role: 'assistant', content: writing.text.data })
      clear.disabled = history.length === 0
    }
  }

  return {
    options: el('details', {}, el('summary', {}, 'Settings'), el('div.grid', {},
      field('System prompt', system, { wide: true }),
      field('Longest answer', most, { hint: 'tokens' }), field('Temperature', temperature, { hint: '0 to 2' }), field('Seed', seed))),
    stage: [output, form(run, 'Message', [el('label', { for: text.id }, 'Message'), text],
      [el('p.hint', { id: 'chat-hint' }, 'Enter sends, Shift+Enter breaks the line'), clear])],
    adjust: (model) => {
      most.max = model.limits.output
      most.placeholder = model.limits.output
    },
  }
}
