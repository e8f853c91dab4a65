// The rules of WCAG 2.2 A and AA, as far as axe-core can test them, and its own
// good practices: in both colour schemes, wide and narrow, with all that can be open.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { desktop, ended, enter, launch, modelAt, phone, send, visit } from './visit.js'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
let browser
before(async () => { browser = await launch() })
after(() => browser.close())

async function clean(page, when) {
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }))
  const found = violations.map((v) => `${when}: ${v.impact}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`).join('\n')}`)
  assert.deepEqual(found, [])
}

for (const scheme of ['light', 'dark']) {
  for (const [name, viewport] of Object.entries({ desktop, phone })) {
    test(`${scheme}, ${name}`, async () => {
      // axe-core is put into the page as a script, which its policy forbids to others.
      const { page, done } = await visit(browser, { viewport, scheme, csp: false, motion: 'reduce' })
      await page.addScriptTag({ path: axe })
      await clean(page, 'at first')
      await send(page, '#chat-text', 'Hello')
      await clean(page, 'asking for a key')
      await page.$eval('#chat-text', (e) => { e.value = '' })
      await enter(page)
      await send(page, '#chat-text', 'Tell me about rivers.')
      await ended(page)
      await page.$$eval('details', (all) => all.forEach((d) => { d.open = true }))
      await clean(page, 'with a chat, all open')
      await page.select('#model', await modelAt('/v1/images/generations'))
      await page.$eval('#picture-steps', (e) => { e.value = 2 })
      await send(page, '#picture-text', 'A lake')
      await page.waitForSelector('.pictures img')
      await clean(page, 'with a picture')
      await page.select('#model', await modelAt('/v1/embeddings'))
      await page.type('#vector-text', 'One\nTwo')
      await page.click('.composer [type=submit]')
      await page.waitForSelector('table')
      await clean(page, 'with vectors')
      await done()
    })
  }
}
