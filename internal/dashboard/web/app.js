// The page's beginning: every part is a module that is begun here.
import { base } from './api.js'
import { byId } from './dom.js'
import { begin as cards } from './cards.js'
import { begin as code } from './code.js'
import { begin as copy } from './copy.js'
import { begin as key } from './key.js'
import { begin as models } from './models.js'
import { begin as offer } from './offer.js'
import { begin as playground } from './playground.js'

byId('base').textContent = base
key()
copy()
cards()
models()
code()
playground()
offer()

// A link to an operation opens it.
function open() {
  const target = location.hash && byId(location.hash.slice(1))
  if (target?.tagName === 'DETAILS') target.open = true
}
window.addEventListener('hashchange', open)
open()
