// The playground for models that turn texts into vectors: one text a line, and
// how alike they are.
import { el } from './dom.js'
import { call, told } from './api.js'
import { count, plural, seconds } from './format.js'
import { chosen } from './offer.js'
import { Run, form } from './run.js'
import { say } from './say.js'

export function panel() {
  const output = el('div.output', { role: 'region', 'aria-label': 'Vectors', tabIndex: 0 },
    el('p.empty', {}, 'Write a text a line, and see their vectors and how alike they are.'))
  const text = el('textarea', { id: 'vector-text', rows: 4, placeholder: 'The river rises in the hills.\nA stream begins among mountains.' })
  const run = new Run('Embed', work, text)
  let most = 1
  const lines = () => text.value.split('\n').map((l) => l.trim()).filter(Boolean).slice(0, Math.min(most, 12))
  run.begin = () => { if (lines().length) run.start() }

  async function work(key, signal) {
    const model = chosen()
    const input = lines()
    const begun = performance.now()
    const answer = await call(model.path, key, { body: { model: model.id, input }, signal })
    const { data, usage } = await answer.json()
    const vectors = data.map((d) => d.embedding)
    const facts = [seconds((performance.now() - begun) / 1000), `${count(vectors[0].length)} dimensions`, plural(usage.prompt_tokens, 'token'), ...told(answer)]
    output.replaceChildren(
      el('div.vectors', {}, vectors.map((v, i) => el('div', {}, el('p', {}, input[i]), bars(v)))),
      ...(vectors.length > 1 ? [likeness(input, vectors)] : []),
      el('p.facts', {}, facts.join(' · ')))
    say(`${plural(vectors.length, 'vector')} of ${vectors[0].length} dimensions.`)
  }

  return {
    options: el('div'),
    stage: [output, form(run, 'Texts', [el('label', { for: text.id }, 'Texts, one a line'), text])],
    adjust: ({ limits }) => { most = limits.items ?? 1 },
  }
}

const ns = 'http://www.w3.org/2000/svg'

function bars(vector) {
  const shown = vector.slice(0, 256)
  const most = Math.max(...shown.map(Math.abs)) || 1
  const svg = document.createElementNS(ns, 'svg')
  const set = (e, attributes) => { for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v) }
  set(svg, { viewBox: `0 -1 ${shown.length} 2`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `The first ${shown.length} numbers, beginning with ${shown.slice(0, 3).map((x) => x.toFixed(3)).join(', ')}` })
  shown.forEach((x, i) => {
    const rect = document.createElementNS(ns, 'rect')
    const height = Math.abs(x) / most
    set(rect, { x: i + 0.15, y: x > 0 ? -height : 0, width: 0.7, height, fill: 'currentColor' })
    svg.append(rect)
  })
  return svg
}

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0)
const cosine = (a, b) => dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1)

function likeness(texts, vectors) {
  const names = texts.map((_, i) => `Text ${i + 1}`)
  return el('div.scroll', { role: 'region', 'aria-label': 'Likeness', tabIndex: 0 }, el('table', {},
    el('caption', {}, 'Cosine similarity'),
    el('thead', {}, el('tr', {}, el('td'), names.map((n) => el('th', { scope: 'col' }, n)))),
    el('tbody', {}, vectors.map((a, i) => el('tr', {}, el('th', { scope: 'row' }, names[i]), vectors.map((b) => el('td', {}, cosine(a, b).toFixed(3))))))))
}
