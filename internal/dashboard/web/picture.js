// The playground for models that make pictures from a text.
import { asked, el, field, number } from './dom.js'
import { call, told } from './api.js'
import { plural, seconds } from './format.js'
import { chosen } from './offer.js'
import { Run, enterSends, form } from './run.js'
import { say } from './say.js'
import { cost } from './streamed.js'

export function panel() {
  const size = el('select', { id: 'picture-size' })
  const steps = number('picture-steps', { min: 1, step: 1 })
  const seed = number('picture-seed', { step: 1, placeholder: 'random' })
  const n = number('picture-n', { min: 1, step: 1, value: 1 })
  const output = el('div.output', { role: 'region', 'aria-label': 'Pictures', tabIndex: 0 },
    el('p.empty', {}, 'Describe a picture, and it appears here.'))
  const text = el('textarea', { id: 'picture-text', rows: 2, placeholder: 'A lake among mountains at dawn' })
  let addresses = [] // of the pictures shown
  const run = new Run('Generate', work, text)
  run.begin = () => { if (text.value.trim()) run.start() }
  enterSends(text)

  async function work(key, signal) {
    const model = chosen()
    const prompt = text.value.trim()
    const body = { model: model.id, prompt, size: size.value, n: asked(n), num_inference_steps: asked(steps), seed: asked(seed), response_format: 'b64_json' }
    output.replaceChildren(el('p.waiting', {}, 'The picture is being made…'))
    say('The picture is being made.')
    const begun = performance.now()
    try {
      const answer = await call(model.path, key, { body, signal })
      const { data } = await answer.json()
      const took = (performance.now() - begun) / 1000
      show(data, prompt)
      const work = asked(steps) * data.length
      output.append(el('p.facts', {}, [seconds(took), work && plural(work, 'step'), work && cost(model, 0, work), ...told(answer)].filter(Boolean).join(' · ')))
      say(data.length === 1 ? 'The picture is there.' : `${data.length} pictures are there.`)
    } catch (e) {
      output.replaceChildren(el('p.empty', {}, e.name === 'AbortError' ? 'Stopped.' : 'There is no picture.'))
      throw e
    }
  }

  function show(data, prompt) {
    for (const a of addresses) URL.revokeObjectURL(a)
    addresses = data.map((d) => URL.createObjectURL(new Blob([Uint8Array.from(atob(d.b64_json), (c) => c.charCodeAt(0))], { type: 'image/png' })))
    output.replaceChildren(el('div.pictures', {}, addresses.map((src, i) => el('figure', {},
      el('img', { src, alt: prompt }),
      el('figcaption', {}, el('a', { href: src, download: `picture-${i + 1}.png` }, 'Download', data.length > 1 && el('span.hidden', {}, ` picture ${i + 1}`)))))))
  }

  return {
    options: el('details', { open: true }, el('summary', {}, 'Settings'), el('div.grid', {},
      field('Size', size, { wide: true }), field('Steps', steps), field('Pictures', n), field('Seed', seed))),
    stage: [output, form(run, 'Picture', [el('label', { for: text.id }, 'Description'), text])],
    adjust: ({ limits }) => {
      const before = size.value
      const sizes = limits.sizes ?? []
      size.replaceChildren(...sizes.map((s) => el('option', { value: s }, s.replace('x', ' × '))))
      if (sizes.includes(before)) size.value = before
      n.max = limits.images
      steps.max = limits.steps
      if (!steps.value || asked(steps) > limits.steps) steps.value = Math.min(limits.steps, 20)
    },
  }
}
