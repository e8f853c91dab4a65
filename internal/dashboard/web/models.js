// The lists to choose a model from.
import { byId, el } from './dom.js'
import { choose, offer, onOffer } from './offer.js'
import { kindName } from './format.js'

function fill(select) {
  const groups = new Map()
  for (const m of offer.models) {
    if (!groups.has(m.kind)) groups.set(m.kind, el('optgroup', { label: kindName(m.kind) }))
    groups.get(m.kind).append(el('option', { value: m.id }, m.id))
  }
  select.replaceChildren(...groups.values())
}

export function begin() {
  for (const select of [byId('model'), byId('code-model')]) {
    select.addEventListener('change', () => choose(select.value))
    onOffer((what) => {
      if (what.models) fill(select)
      if (select.value !== offer.chosen) select.value = offer.chosen
    })
  }
}
