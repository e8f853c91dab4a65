// The models, a card each.
import { byId, el } from './dom.js'
import { choose, offer, onOffer } from './offer.js'
import { count, kindName, plural, price, priceUnit, rate, seconds } from './format.js'

const list = byId('cards')
const note = byId('models-note')
const cards = new Map()

function state(live) {
  if (!live.miners) return ['', 'No miners']
  if (!live.available || live.units_free <= 0) return ['busy', 'Busy']
  return ['ready', 'Available']
}

const pair = (term, value, small, wide) => el(wide ? 'div.wide' : 'div', {}, el('dt', {}, term), el('dd', {}, value, small && el('small', {}, ` ${small}`)))

function prices(m) {
  const { prompt, output } = m.price
  const per = `credits per ${priceUnit(m.unit)}`
  if (!prompt && !output) return pair('Price', 'free', '', true)
  if (m.unit !== 'token') return pair('Price', price(output, m.unit), per, true)
  return pair('Price', `${price(prompt, m.unit)} in, ${price(output, m.unit)} out`, per, true)
}

const area = (size) => size.split('x').reduce((a, b) => a * b)

function size(m) {
  if (m.limits.sizes?.length) return pair('Up to', m.limits.sizes.reduce((a, b) => (area(b) > area(a) ? b : a)).replace('x', ' × '))
  return m.context_length ? pair('Context', count(m.context_length)) : null
}

// most is the first token's time of a text, else the most of a request that has such a limit.
function most(m) {
  if (m.unit === 'token') return pair('First token', m.live.first_output_seconds ? seconds(m.live.first_output_seconds) : '–')
  if (m.limits.items) return pair('Batch', count(m.limits.items))
  return m.limits.steps ? pair('Steps', count(m.limits.steps)) : null
}

function figures(m) {
  const l = m.live
  if (!l) return []
  const share = l.units_total > 0 ? Math.min(1, Math.max(0, l.units_free / l.units_total)) : 0
  const bar = el('i')
  bar.style.setProperty('--share', share)
  return [
    pair(`${m.unit[0].toUpperCase()}${m.unit.slice(1)}s / s`, l.units_per_second ? rate(l.units_per_second) : '–'),
    most(m),
    el('div.wide', {}, el('dt', {}, 'Free now'),
      el('dd', {}, `${Math.round(share * 100)}%`, el('small', {}, ` of ${plural(l.units_total, m.unit)} this period, ${plural(l.miners, 'miner')}`)),
      el('div.meter', { 'aria-hidden': 'true' }, bar)),
  ]
}

function card(m) {
  let c = cards.get(m.id)
  if (!c) {
    const go = (id, focus) => () => {
      choose(m.id)
      byId(id).scrollIntoView()
      byId(focus)?.focus({ preventScroll: true })
    }
    c = { state: el('span.state'), facts: el('dl') }
    c.item = el('li.card', {},
      el('header', {}, el('div', {}, el('h3', {}, m.id), el('p.kind', {}, kindName(m.kind))), c.state),
      c.facts,
      el('div.row', {},
        el('button.soft', { type: 'button', onclick: go('playground', 'model') }, 'Try', el('span.hidden', {}, ` ${m.id}`)),
        el('button.quiet', { type: 'button', onclick: go('code', 'code-model') }, 'Code', el('span.hidden', {}, ` for ${m.id}`))))
    cards.set(m.id, c)
  }
  if (m.live) {
    const [kind, text] = state(m.live)
    c.state.className = `state ${kind}`
    c.state.textContent = text
  } else {
    c.state.remove()
  }
  c.facts.replaceChildren(...[prices(m), size(m), ...figures(m)].filter(Boolean))
  return c.item
}

function draw(what) {
  if (what.chosen) return
  const text = offer.failed ? 'The figures could not be refreshed.' : offer.models.length === 0 ? 'There are no models on offer right now.' : ''
  if (note.textContent !== text) note.textContent = text
  if (offer.failed) return
  const items = offer.models.map(card)
  if (what.models) list.replaceChildren(...items)
  list.setAttribute('aria-busy', 'false')
}

export const begin = () => onOffer(draw)
