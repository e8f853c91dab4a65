// The playground for models that make pictures: from a text, from a picture,
// or from both.
import { asked, el, field, number } from './dom.js'
import { Failure, call, told } from './api.js'
import { plural, seconds } from './format.js'
import { chosen } from './offer.js'
import { Run, enterSends, form } from './run.js'
import { say } from './say.js'
import { cost } from './streamed.js'

// What the kinds ask for beside a description.
const given = {
  'image-to-image': { image: 'Picture to change', parts: [['strength', 'Strength', 0.6]] },
  'inpaint': { image: 'Picture to change', mask: true, parts: [['strength', 'Strength', 1]] },
  'upscale': { image: 'Picture to enlarge', bare: true, parts: [] },
  'avatar': { image: 'Face', parts: [['adapter_strength', 'Likeness', 0.8], ['control_strength', 'Pose', 0.5]] },
}

export function panel(kind) {
  const { image: asks, mask: masks, bare, parts } = given[kind] ?? { parts: [] }
  const at = asks ? `-${kind}` : ''
  const file = (name) => el('input', { id: `picture-${name}${at}`, type: 'file', accept: 'image/png,image/jpeg,image/webp' })
  const image = asks && file('image')
  const mask = masks && file('mask')
  const shares = parts.map(([name, label, usual]) => [name, label, number(`picture-${name}${at}`, { min: name === 'strength' ? 0.01 : 0, max: 1, step: 0.01, placeholder: String(usual) })])
  const size = el('select', { id: `picture-size${at}` })
  const steps = number(`picture-steps${at}`, { min: 1, step: 1 })
  const seed = number(`picture-seed${at}`, { step: 1, placeholder: 'random' })
  const n = number(`picture-n${at}`, { min: 1, step: 1, value: 1 })
  const output = el('div.output', { role: 'region', 'aria-label': 'Pictures', tabIndex: 0 },
    el('p.empty', {}, asks ? 'Choose a picture, and what becomes of it appears here.' : 'Describe a picture, and it appears here.'))
  const text = el('textarea', { id: `picture-text${at}`, rows: 2, placeholder: 'A lake among mountains at dawn' })
  let addresses = [] // of the pictures shown
  const run = new Run(bare ? 'Enlarge' : 'Generate', work, bare ? image : text)
  run.begin = () => {
    const missing = [image, mask].find((f) => f && !f.files.length)
    if (missing) missing.focus()
    else if (bare || text.value.trim()) run.start()
    else text.focus()
  }
  enterSends(text)

  async function work(key, signal) {
    const model = chosen()
    const prompt = text.value.trim()
    const body = { model: model.id, seed: asked(seed), response_format: 'b64_json' }
    if (!bare) Object.assign(body, { prompt, size: size.value || undefined, n: asked(n), num_inference_steps: asked(steps) })
    for (const [name, , control] of shares) body[name] = asked(control)
    if (image) body.image = await address(image.files[0])
    if (mask) body.mask = await address(mask.files[0])
    output.replaceChildren(el('p.waiting', {}, 'The picture is being made…'))
    say('The picture is being made.')
    const begun = performance.now()
    try {
      const answer = await call(model.path, key, { body, signal })
      const { data } = await answer.json()
      const took = (performance.now() - begun) / 1000
      show(data, bare ? 'The enlarged picture' : prompt)
      const work = asks ? 0 : asked(steps) * data.length
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

  const uploads = [image && field(asks, image), mask && field('Mask', mask, { hint: 'a PNG of the same size, transparent where to paint' })].filter(Boolean)
  return {
    options: bare ? el('div') : el('details', { open: true }, el('summary', {}, 'Settings'), el('div.grid', {},
      field('Size', size, { wide: true }), ...shares.map(([, label, control]) => field(label, control)),
      field('Steps', steps), field('Pictures', n), field('Seed', seed))),
    stage: [output, form(run, 'Picture', [...uploads, ...(bare ? [] : [el('label', { for: text.id }, 'Description'), text])])],
    adjust: ({ limits }) => {
      const before = size.value
      const sizes = limits.sizes ?? []
      const own = asks && kind !== 'avatar' ? [el('option', { value: '' }, 'as the picture')] : []
      size.replaceChildren(...own, ...sizes.map((s) => el('option', { value: s }, s.replace('x', ' × '))))
      if (sizes.includes(before)) size.value = before
      n.max = limits.images ?? 1
      steps.max = limits.steps ?? 1
      if (!steps.value || asked(steps) > limits.steps) steps.value = Math.min(limits.steps ?? 1, 20)
    },
  }
}

const widest = 1024

// address gives a chosen file as a data URL, scaled down to what models look at
// and without what a photo tells beside its pixels.
async function address(file) {
  let bitmap
  try {
    bitmap = await createImageBitmap(file)
  } catch {
    throw new Failure(`${file.name} is not a picture that this browser can read.`)
  }
  const scale = Math.min(1, widest / Math.max(bitmap.width, bitmap.height))
  const canvas = Object.assign(document.createElement('canvas'), { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) })
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  return canvas.toDataURL('image/png')
}
