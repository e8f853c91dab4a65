// The playground shows the form that the chosen model needs. A form keeps what
// is in it while another is shown.
import { byId, el } from './dom.js'
import { kindName } from './format.js'
import { chosen, onOffer } from './offer.js'
import { panel as chat } from './chat.js'
import { panel as completion } from './completion.js'
import { panel as picture } from './picture.js'
import { panel as vector } from './vector.js'

const makers = {
  '/v1/chat/completions': chat,
  '/v1/completions': completion,
  '/v1/images/generations': picture,
  '/v1/images/edits': picture,
  '/v1/images/variations': picture,
  '/v1/avatars': picture,
  '/v1/embeddings': vector,
}

const panels = new Map()
let shown = null

function panelFor(model) {
  if (!panels.has(model.kind)) panels.set(model.kind, makers[model.path]?.(model.kind) ?? none(model))
  return panels.get(model.kind)
}

function none(model) {
  return {
    options: el('div'),
    stage: [el('div.output', {}, el('p.empty', {}, `There is no form here for models of the kind ${kindName(model.kind)}. The code below calls them.`))],
    adjust: () => {},
  }
}

function draw() {
  const model = chosen()
  if (!model) return
  const panel = panelFor(model)
  panel.adjust(model)
  if (panel === shown) return
  shown = panel
  byId('options').replaceChildren(panel.options)
  byId('stage').replaceChildren(...panel.stage)
}

export function begin() {
  onOffer((what) => { if (what.chosen || what.models) draw() })
}
