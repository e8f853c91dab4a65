// Code to copy, for the chosen model, in tabs.
import { base } from './api.js'
import { byId, el } from './dom.js'
import { kindName } from './format.js'
import { chosen, onOffer } from './offer.js'
import { languages, snippet } from './snippets.js'

const panel = byId('snippet-panel')
let language = languages[0]

const tabs = languages.map((l) => el('button', {
  type: 'button', role: 'tab', id: `tab-${l.id}`, 'aria-controls': panel.id, onclick: () => choose(l),
}, l.name))

function choose(l) {
  language = l
  tabs.forEach((tab, i) => {
    const on = languages[i] === l
    tab.setAttribute('aria-selected', String(on))
    tab.tabIndex = on ? 0 : -1
  })
  panel.setAttribute('aria-labelledby', `tab-${l.id}`)
  draw()
}

function draw() {
  const model = chosen()
  if (!model) return
  const text = snippet(language.id, base, model)
  byId('snippet-note').textContent = text === null ? '' : language.note
  byId('snippet').textContent = text ?? `Models of the kind ${kindName(model.kind)} are called at ${model.path}; the reference below says how.`
}

function keys(event) {
  const at = languages.indexOf(language)
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: languages.length - 1 }[event.key]
  if (to === undefined) return
  event.preventDefault()
  const next = (to + languages.length) % languages.length
  choose(languages[next])
  tabs[next].focus()
}

export function begin() {
  const list = byId('tabs')
  list.append(...tabs)
  list.addEventListener('keydown', keys)
  choose(language)
  onOffer((what) => { if (what.chosen || what.models) draw() })
}
