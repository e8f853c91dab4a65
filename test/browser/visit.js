// A visitor's browser, with an eye on what a page must never do: ask another
// origin for anything, put the key into an address, complain in the console.
import assert from 'node:assert/strict'
import puppeteer from 'puppeteer-core'

export const origin = process.env.VISION_API.replace(/\/v1$/, '')
export const key = process.env.VISION_KEY

export const launch = () => puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
})

export const desktop = { width: 1280, height: 900 }
export const phone = { width: 360, height: 740, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }

// visit opens the page in a context of its own. done() closes it and checks
// what went on; expected are texts of console errors that are no mistakes.
export async function visit(browser, { viewport = desktop, scheme = 'light', motion = 'no-preference', csp = true, path = '/' } = {}) {
  const context = await browser.createBrowserContext()
  const page = await context.newPage()
  page.setDefaultTimeout(90_000) // a machine that is busy with other tests is slow
  const asked = []
  const complaints = []
  page.on('request', (r) => asked.push({ url: r.url(), headers: r.headers(), body: r.postData() }))
  page.on('console', (m) => { if (['error', 'warn'].includes(m.type())) complaints.push(m.text()) })
  page.on('pageerror', (e) => complaints.push(String(e)))
  await page.setBypassCSP(!csp)
  await page.setViewport(viewport)
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: motion }])
  await page.goto(origin + path, { waitUntil: 'load' })
  await page.waitForSelector('#cards li')
  const done = async (expected = []) => {
    for (const r of asked) {
      const url = new URL(r.url)
      assert.ok(url.protocol === 'blob:' ? r.url.startsWith(`blob:${origin}/`) : url.origin === origin, `the page asked for ${r.url}`)
      assert.ok(!r.url.includes(key) && !(r.body ?? '').includes(key), 'the key is in an address or a body')
    }
    assert.deepEqual(complaints.filter((c) => !expected.some((e) => c.includes(e))), [])
    await context.close()
  }
  return { page, context, asked, done }
}

// often: a page that draws nothing has no animation frames, which puppeteer waits by.
export const often = { polling: 100 }

// enter gives the key and presses Enter: what is above the button may grow
// when the figures are refreshed, and a click then lands where it was.
export async function enter(page, text = key) {
  await page.type('#key', text)
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => !['', 'Checking the key…'].includes(document.querySelector('#key-note').textContent), often)
}

export const text = (page, selector) => page.$eval(selector, (e) => e.textContent)

// ended waits until the form's request has ended.
export const ended = (page) => page.waitForFunction(() => document.querySelector('.composer .stop').hidden && !document.querySelector('[aria-busy="true"]'), often)

export async function models() {
  const answer = await fetch(`${origin}/status.json`)
  return (await answer.json()).models
}

export const modelAt = async (path) => (await models()).find((m) => m.path === path).id

export async function send(page, field, words) {
  await page.focus(field)
  await page.keyboard.type(words)
  await page.keyboard.press('Enter')
}
