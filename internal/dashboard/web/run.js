// One request at a time of a form: its buttons, its errors, its end.
import { el } from './dom.js'
import { current, refuse, wanted } from './key.js'
import { say } from './say.js'

export class Run {
  // label is what the button that sends says. work(key, signal) makes the
  // request; rest is where the focus goes afterwards.
  constructor(label, work, rest) {
    Object.assign(this, { work, rest, control: null })
    this.send = el('button', { type: 'submit' }, label)
    this.stop = el('button.stop', { type: 'button', hidden: true, onclick: () => this.control?.abort() }, 'Stop')
    this.error = el('p.error', { role: 'alert' })
  }

  get busy() {
    return this.control !== null
  }

  // start resolves to whether the request came to its end.
  async start() {
    if (this.busy || !wanted()) return false
    this.control = new AbortController()
    this.error.textContent = ''
    const held = document.activeElement
    this.send.hidden = true
    this.stop.hidden = false
    if (held === this.send) this.stop.focus()
    try {
      await this.work(current(), this.control.signal)
      return true
    } catch (e) {
      if (e.name === 'AbortError') say('Stopped.')
      else if (e.status === 401 && this.error.isConnected) this.fail(e, () => refuse(e.message))
      else this.fail(e)
      return false
    } finally {
      const focused = document.activeElement === this.stop
      this.control = null
      this.send.hidden = false
      this.stop.hidden = true
      if (focused) this.rest.focus()
    }
  }

  fail(e, then) {
    let told = e.status === undefined ? 'The answer could not be read.' : e.message
    if (e.after > 0 && !told.includes('ry again in')) told = `${told.replace(/ ?Try again soon\.$/, '')} Try again in ${e.after} s.`
    this.error.textContent = told
    then?.()
  }
}

// form is what the parts of a panel's lower end are put into.
export function form(run, name, children, extra = []) {
  return el('form.composer', {
    'aria-label': name, autocomplete: 'off',
    onsubmit: (event) => {
      event.preventDefault()
      run.begin()
    },
  }, ...children, run.error, el('div.actions', {}, ...extra, run.stop, run.send))
}

// enterSends lets the Enter key of a text send it, and Shift+Enter break a line.
export function enterSends(area) {
  area.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    area.form.requestSubmit()
  })
}
