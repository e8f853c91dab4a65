// The playground for models that go on with a text.
import { asked, el, field, number } from './dom.js'
import { chosen } from './offer.js'
import { Run, form } from './run.js'
import { Writing, follower } from './streamed.js'

export function panel() {
  const most = number('completion-most', { min: 1, step: 1, value: 128 })
  const temperature = number('completion-temperature', { min: 0, max: 2, step: 0.1, placeholder: '1' })
  const seed = number('completion-seed', { step: 1, placeholder: 'random' })
  const output = el('div.output', { role: 'region', 'aria-label': 'Continuation', tabIndex: 0 },
    el('p.empty', {}, 'Begin a text, and the model goes on with it here.'))
  const text = el('textarea', { id: 'completion-text', rows: 4, placeholder: 'The river rises in' })
  const scroll = follower(output)
  const run = new Run('Continue', work, text)
  run.begin = () => { if (text.value.trim()) run.start() }

  async function work(key, signal) {
    const model = chosen()
    const writing = new Writing(model.id)
    output.replaceChildren(writing.turn)
    const body = { model: model.id, prompt: text.value, max_tokens: asked(most), temperature: asked(temperature), seed: asked(seed) }
    try {
      await writing.follow(model.path, model, key, body, signal, (choice) => ({ text: choice.text }), scroll)
    } catch (e) {
      writing.facts.textContent = e.name === 'AbortError' ? 'Stopped.' : 'This answer is not whole.'
      throw e
    }
  }

  return {
    options: el('details', {}, el('summary', {}, 'Settings'), el('div.grid', {},
      field('Longest answer', most, { hint: 'tokens' }), field('Temperature', temperature, { hint: '0 to 2' }), field('Seed', seed))),
    stage: [output, form(run, 'Text', [el('label', { for: text.id }, 'Text to continue'), text])],
    adjust: (model) => {
      most.max = model.limits.output
      if (asked(most) > model.limits.output) most.value = model.limits.output
    },
  }
}
