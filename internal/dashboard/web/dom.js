// Elements without markup: text stays text, whoever wrote it.

export const byId = (id) => document.getElementById(id)

// el makes an element. Properties that begin with a capital or contain "-" are
// attributes, "on…" are listeners, the rest properties of the element.
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.')
  const e = document.createElement(name || 'div')
  if (classes.length) e.className = classes.join(' ')
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value)
    else if (key.includes('-') || key === 'role' || key === 'for') e.setAttribute(key, value)
    else e[key] = value
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false))
  return e
}

// field is a control with its label, and a hint if there is one.
export function field(label, control, { hint, wide } = {}) {
  const parts = [el('label', { for: control.id }, label), control]
  if (hint) {
    control.setAttribute('aria-describedby', `${control.id}-hint`)
    parts.push(el('p.hint', { id: `${control.id}-hint` }, hint))
  }
  return el(wide ? 'div.wide' : 'div', {}, parts)
}

export function number(id, properties) {
  return el('input', { id, type: 'number', autocomplete: 'off', ...properties })
}

// asked is a control's number, undefined if it is empty.
export const asked = (control) => (control.value.trim() === '' ? undefined : Number(control.value))
