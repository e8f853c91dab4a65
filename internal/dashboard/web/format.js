// Numbers for people.

const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

export const count = (n) => (n < 10000 ? new Intl.NumberFormat('en').format(n) : compact.format(n))

export const plural = (n, unit) => `${count(n)} ${unit}${n === 1 ? '' : 's'}`

export function seconds(s) {
  if (s < 0.9995) return `${Math.max(1, Math.round(s * 1000))} ms`
  return `${plain.format(s)} s`
}

export const rate = (r) => plain.format(r)

// price says what a million tokens, or a thousand of another unit, cost in
// credits. Prices come in micro-credits a thousand.
export function price(microPerThousand, unit) {
  if (microPerThousand === 0) return 'free'
  const credits = unit === 'token' ? microPerThousand / 1000 : microPerThousand / 1e6
  return plain.format(credits)
}

export const priceUnit = (unit) => (unit === 'token' ? '1M tokens' : `1K ${unit}s`)

const kinds = {
  'chat': 'Chat',
  'completion': 'Completion',
  'text-to-image': 'Text to image',
  'image-to-image': 'Image to image',
  'inpaint': 'Inpainting',
  'upscale': 'Upscaling',
  'avatar': 'Avatars',
  'embedding': 'Embedding',
}

export const kindName = (kind) => kinds[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1).replaceAll('-', ' ')
