// What the access point offers, kept up to date while somebody looks.

const every = 5000
const listeners = []
let timer = 0

export const offer = { models: [], chosen: null }

export const onOffer = (f) => listeners.push(f)

export const modelNamed = (id) => offer.models.find((m) => m.id === id) ?? null

export const chosen = () => modelNamed(offer.chosen)

// choose makes a model the one that playground and code are for.
export function choose(id) {
  offer.chosen = id
  tell({ chosen: true })
}

function tell(what) {
  for (const f of listeners) f(what)
}

async function refresh() {
  try {
    const answer = await fetch(new URL('status.json', document.baseURI), { credentials: 'omit' })
    if (!answer.ok) throw new Error(`status ${answer.status}`)
    const before = offer.models.map((m) => m.id).join()
    Object.assign(offer, await answer.json())
    if (!modelNamed(offer.chosen)) offer.chosen = offer.models[0]?.id ?? null
    offer.failed = false
    tell({ models: before !== offer.models.map((m) => m.id).join() })
  } catch {
    offer.failed = true
    tell({})
  }
}

async function loop() {
  clearTimeout(timer)
  await refresh()
  clearTimeout(timer)
  if (!document.hidden) timer = setTimeout(loop, every)
}

export function begin() {
  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : loop()))
  return loop()
}
