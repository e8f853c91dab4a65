// Buttons that copy the text of what they name in data-copy.
import { byId } from './dom.js'
import { say } from './say.js'

async function put(text) {
  try {
    return await navigator.clipboard.writeText(text)
  } catch {
    // Over plain HTTP, or where that is forbidden, there is only a selection.
  }
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'hidden'
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  if (!done) throw new Error('not copied')
}

export function begin() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    const label = button.firstChild
    const before = label.data
    let timer = 0
    button.addEventListener('click', async () => {
      let result = 'Copied'
      try {
        await put(byId(button.dataset.copy).textContent)
      } catch {
        result = 'Not copied'
      }
      button.focus()
      label.data = result
      say(`${result}.`)
      clearTimeout(timer)
      timer = setTimeout(() => { label.data = before }, 1600)
    })
  }
}
