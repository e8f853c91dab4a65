// The visitor's key: in this tab's memory and its session storage, which ends
// with the tab. It is put into no address, no log, no other storage.
import { byId } from './dom.js'
import { call } from './api.js'

const place = 'vision.key'
let key = ''

try {
  key = sessionStorage.getItem(place) ?? ''
} catch {
  // Storage is turned off: memory will do.
}

export const current = () => key

function keep(text) {
  key = text
  try {
    if (text) sessionStorage.setItem(place, text)
    else sessionStorage.removeItem(place)
  } catch {
    // As above.
  }
}

const note = byId('key-note')
const input = byId('key')
const button = byId('key-use')

function show(text, kind = '') {
  note.textContent = text
  note.className = `note ${kind}`
  button.textContent = key ? 'Forget' : 'Use'
  button.className = key ? 'quiet' : ''
  input.readOnly = key !== ''
  input.value = key
}

// refuse tells of a key that the API did not take, and asks for another.
export function refuse(message) {
  const tried = key
  keep('')
  show(message, 'bad')
  input.value = tried
  input.setAttribute('aria-invalid', 'true')
  input.focus()
  input.select()
}

// wanted says whether there is a key, and asks for one if not. What is in the
// field is taken even if nobody pressed the button.
export function wanted() {
  if (!key && input.value.trim()) keep(input.value.trim())
  if (key) return true
  show('Enter a key first.', 'bad')
  input.focus()
  return false
}

async function check() {
  show('Checking the key…')
  const asked = key
  try {
    await call('/v1/models', asked)
    if (key === asked) show('The key is accepted.', 'good')
  } catch (e) {
    if (key !== asked) return
    if (e.status === 401 || e.status === 403) refuse(e.message)
    else show(e.message, 'bad')
  }
}

export function begin() {
  show('')
  input.addEventListener('input', () => input.removeAttribute('aria-invalid'))
  byId('key-form').addEventListener('submit', (event) => {
    event.preventDefault()
    input.removeAttribute('aria-invalid')
    if (key) {
      keep('')
      show('The key is forgotten.')
      input.focus()
    } else if (wanted()) {
      check()
    }
  })
}
