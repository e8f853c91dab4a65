// What a visitor does with the page.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { desktop, ended, enter, key, launch, modelAt, models, origin, phone, send, text, visit } from './visit.js'

let browser
before(async () => { browser = await launch() })
after(() => browser.close())

test('the models are listed without a key', async () => {
  const { page, done } = await visit(browser)
  const names = await page.$$eval('#cards h3', (all) => all.map((e) => e.textContent))
  assert.deepEqual(names, (await models()).map((m) => m.id))
  const first = await text(page, '#cards li')
  assert.match(first, /Available/)
  assert.match(first, /0\.05 in, 0\.1 out credits per 1M tokens/)
  assert.match(first, /Context4,096/)
  assert.match(first, /\d+% of [\d.K,]+ tokens this period, 3 miners/)
  assert.equal(await text(page, '#base'), `${origin}/v1`)
  await done()
})

test('a chat streams, is announced in sentences, and keeps the key to itself', async () => {
  const { page, asked, done } = await visit(browser)
  await enter(page)
  assert.equal(await text(page, '#key-note'), 'The key is accepted.')
  await page.evaluate(() => {
    window.seen = { texts: 0, said: 0, stop: false }
    new MutationObserver((list) => {
      window.seen.texts += list.filter((m) => m.type === 'characterData').length
      window.seen.stop ||= !document.querySelector('.composer .stop').hidden
    }).observe(document.querySelector('#stage'), { subtree: true, characterData: true, childList: true })
    new MutationObserver((list) => { window.seen.said += list.length }).observe(document.querySelector('#say'), { childList: true, subtree: true })
  })
  await send(page, '#chat-text', 'Tell me <b>about</b> rivers.')
  await ended(page)
  const seen = await page.evaluate(() => window.seen)
  assert.ok(seen.texts >= 5, `the answer came in ${seen.texts} pieces`)
  assert.ok(seen.stop, 'there was no Stop')
  assert.ok(seen.said >= 1 && seen.said < seen.texts / 3, `${seen.said} announcements for ${seen.texts} pieces`)
  assert.match(await text(page, '#say'), /End of the answer\.$/)
  assert.equal(await text(page, '.turn.you .said'), 'Tell me <b>about</b> rivers.')
  assert.match(await text(page, '.turn .facts'), /^\d+ tokens? · .* tokens \/ s · first after .* credits · miner 5/)
  assert.equal(await text(page, '.composer .error'), '')

  await send(page, '#chat-text', 'And lakes?')
  await ended(page)
  const chats = asked.filter((r) => r.url.endsWith('/chat/completions'))
  assert.deepEqual(JSON.parse(chats[1].body).messages.map((m) => m.role), ['user', 'assistant', 'user'])
  assert.ok(chats.every((r) => r.headers.authorization === `Bearer ${key}`))
  assert.deepEqual(await page.evaluate(() => [localStorage.length, document.cookie, location.search]), [0, '', ''])
  await done()
})

test('the key stays in its tab', async () => {
  const { page, context, done } = await visit(browser)
  await enter(page)
  await page.reload()
  await page.waitForSelector('#cards li')
  assert.equal(await page.$eval('#key', (e) => e.value), key)
  const other = await context.newPage()
  await other.goto(origin)
  assert.equal(await other.$eval('#key', (e) => e.value), '')
  await other.close()
  await page.click('#key-use')
  assert.deepEqual(await page.evaluate(() => [document.querySelector('#key').value, sessionStorage.length]), ['', 0])
  await done()
})

test('Stop ends an answer, and what came of it stays', async () => {
  const { page, done } = await visit(browser)
  await enter(page)
  await page.evaluate(() => { // as fast as no test's click would be
    const observer = new MutationObserver(() => {
      if (!(document.querySelectorAll('.turn .said')[1]?.textContent.length > 10)) return
      observer.disconnect()
      document.querySelector('.composer .stop').click()
    })
    observer.observe(document.querySelector('#stage'), { subtree: true, characterData: true, childList: true })
  })
  await send(page, '#chat-text', 'Write a long story.')
  await page.waitForSelector('.turn .facts:not(:empty)')
  await ended(page)
  const came = await page.$$eval('.turn .said', (all) => all[1].textContent)
  assert.ok(came.length > 10)
  assert.equal(await text(page, '.turn .facts'), 'Stopped.')
  assert.equal(await page.evaluate(() => document.querySelector('.composer .stop').hidden && !document.querySelector('.composer [type=submit]').hidden), true)
  await send(page, '#chat-text', 'Go on.')
  await ended(page)
  assert.equal((await page.$$('.turn')).length, 4)
  await done()
})

test('a picture is made and seen', async () => {
  const { page, done } = await visit(browser)
  await enter(page)
  await page.select('#model', await modelAt('/v1/images/generations'))
  await page.$eval('#picture-steps', (e) => { e.value = 4 })
  await send(page, '#picture-text', 'A lake among mountains')
  await page.waitForSelector('.pictures img')
  const seen = await page.$eval('.pictures img', async (img) => {
    await img.decode()
    const canvas = new OffscreenCanvas(img.naturalWidth, img.naturalHeight)
    const c = canvas.getContext('2d')
    c.drawImage(img, 0, 0)
    const colours = new Set(new Uint32Array(c.getImageData(0, 0, canvas.width, canvas.height).data.buffer))
    return { width: img.naturalWidth, shown: img.getBoundingClientRect().width, colours: colours.size, alt: img.alt }
  })
  assert.ok(seen.width === 256 && seen.shown > 100 && seen.colours > 50, JSON.stringify(seen))
  assert.equal(seen.alt, 'A lake among mountains')
  assert.match(await text(page, '#say'), /The picture is there/)
  await done()
})

test('texts are continued and turned into vectors', async () => {
  const { page, done } = await visit(browser)
  await enter(page)
  await page.select('#model', await modelAt('/v1/completions'))
  await page.type('#completion-text', 'The river rises in')
  await page.click('.composer [type=submit]')
  await ended(page)
  assert.ok((await text(page, '.turn .said')).length > 5)
  await page.select('#model', await modelAt('/v1/embeddings'))
  await page.type('#vector-text', 'A river\nA river\nTaxes are due')
  await page.click('.composer [type=submit]')
  await page.waitForSelector('table')
  const cells = await page.$$eval('tbody tr:first-of-type td', (all) => all.map((e) => Number(e.textContent)))
  assert.ok(cells[0] === 1 && cells[1] === 1 && cells[2] < 0.999, String(cells))
  await page.select('#model', await modelAt('/v1/completions'))
  assert.ok((await text(page, '.turn .said')).length > 5, 'what another form held is gone')
  await done()
})

test('a wrong key is told of, by its form and by a request', async () => {
  const { page, done } = await visit(browser)
  await enter(page, 'sk-this-is-not-a-key-at-all-and-never-was')
  assert.match(await text(page, '#key-note'), /not valid/)
  assert.deepEqual(await page.evaluate(() => [document.activeElement.id, document.activeElement.getAttribute('aria-invalid'), sessionStorage.length]), ['key', 'true', 0])
  await send(page, '#chat-text', 'Hello') // takes what is in the field
  await page.waitForFunction(() => document.querySelector('.composer .error').textContent !== '', { polling: 100 })
  assert.match(await text(page, '.composer .error'), /API key is not valid/)
  assert.equal(await page.$eval('#chat-text', (e) => e.value), 'Hello', 'what was written is lost')
  await done(['401'])
})

test('without a key the page asks for one', async () => {
  const { page, asked, done } = await visit(browser)
  await send(page, '#chat-text', 'Hello')
  assert.equal(await text(page, '#key-note'), 'Enter a key first.')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'key')
  assert.ok(!asked.some((r) => r.url.includes('/v1/')))
  await done()
})

test('what the API finds wrong is shown as text', async () => {
  const { page, done } = await visit(browser)
  await enter(page)
  await page.click('#options summary')
  await page.$eval('#chat-most', (e) => { e.removeAttribute('max'); e.value = 99999 })
  await send(page, '#chat-text', 'Hello')
  await page.waitForFunction(() => document.querySelector('.composer .error').textContent !== '', { polling: 100 })
  assert.match(await text(page, '.composer .error'), /max_completion_tokens is 99999/)
  assert.equal(await page.$eval('.composer .error', (e) => e.getAttribute('role')), 'alert')
  await done(['400'])
})

test('the access point going away is told of', async () => {
  const { page, done } = await visit(browser)
  await enter(page)
  await page.setOfflineMode(true)
  await send(page, '#chat-text', 'Hello')
  await page.waitForFunction(() => document.querySelector('.composer .error').textContent !== '', { polling: 100 })
  assert.match(await text(page, '.composer .error'), /could not be reached/)
  await done(['ERR_INTERNET_DISCONNECTED'])
})

test('the code follows the chosen model, and is copied as it is', async () => {
  const { page, context, done } = await visit(browser)
  await context.overridePermissions(origin, ['clipboard-read', 'clipboard-sanitized-write'])
  const image = await modelAt('/v1/images/generations')
  await page.select('#code-model', image)
  assert.equal(await page.$eval('#model', (e) => e.value), image)
  await page.click('#tab-python')
  assert.match(await text(page, '#snippet'), new RegExp(`base_url="${origin}/v1"[^]*model="${image}"`))
  await page.click('.listing .copy')
  await page.waitForFunction(() => document.querySelector('.listing .copy').textContent.startsWith('Copied'), { polling: 100 })
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await text(page, '#snippet'))
  await done()
})

test('everything can be done by the keyboard', async () => {
  const { page, done } = await visit(browser)
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim())
  await page.keyboard.press('Tab')
  assert.equal(await focused(), 'Skip to the content')
  await page.keyboard.press('Enter')
  assert.equal(await focused(), 'main')
  const reached = new Set()
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(() => {
      const e = document.activeElement
      const s = getComputedStyle(e)
      return { id: e.id || e.tagName, seen: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 }
    })
    reached.add(at.id)
    if (at.id !== 'BODY') assert.ok(at.seen, `the focus on ${at.id} is not seen`)
  }
  for (const id of ['key', 'key-use', 'model', 'chat-text', 'code-model', 'tab-curl', 'snippet-panel', 'SUMMARY']) assert.ok(reached.has(id), `Tab does not reach ${id}`)
  await page.focus('#tab-curl')
  await page.keyboard.press('ArrowRight')
  assert.deepEqual([await focused(), await page.$eval('#tab-python', (e) => e.ariaSelected)], ['tab-python', 'true'])
  await page.keyboard.press('End')
  assert.equal(await focused(), 'tab-go')
  await done()
})

test('the reference opens at an operation', async () => {
  const { page, done } = await visit(browser, { path: '/#createChatCompletion' })
  assert.equal(await page.$eval('#createChatCompletion', (e) => e.open), true)
  assert.match(await text(page, '#createChatCompletion'), /messages\[\]\.role/)
  const document = await (await fetch(`${origin}/openapi.json`)).json()
  const operations = Object.values(document.paths).flatMap((p) => Object.values(p).map((o) => o.operationId))
  assert.deepEqual((await page.$$eval('#reference details', (all) => all.map((e) => e.id))).sort(), operations.sort())
  await done()
})

for (const [name, viewport] of Object.entries({ phone, desktop, tiny: { ...phone, width: 320, height: 568 } })) {
  test(`nothing is wider than the ${name}`, async () => {
    const { page, done } = await visit(browser, { viewport })
    const fits = async (when) => {
      const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
      assert.ok(wide <= room, `${when}: ${wide} pixels in ${room}`)
    }
    await enter(page)
    await fits('with a key')
    await send(page, '#chat-text', `Hello ${'x'.repeat(300)}`)
    await ended(page)
    await fits('with a chat')
    for (const m of await models()) {
      await page.select('#model', m.id)
      await fits(m.id)
    }
    await page.$$eval('details', (all) => all.forEach((d) => { d.open = true }))
    await fits('with the reference open')
    const small = await page.$$eval('button, select, input, nav a, summary', (all) => all.map((e) => [e.textContent.trim().slice(0, 20), e.getBoundingClientRect()]).filter(([, r]) => r.width > 0 && r.height < 24).map(([t]) => t))
    assert.deepEqual(small, [], 'too small for a finger')
    await done()
  })
}

test('who wants no motion gets none', async () => {
  const { page, done } = await visit(browser, { motion: 'reduce' })
  await enter(page)
  await send(page, '#chat-text', 'Write.')
  await page.waitForSelector('.turn.writing')
  const moving = await page.evaluate(() => document.getAnimations().length)
  assert.equal(moving, 0)
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), 'auto')
  await ended(page)
  await done()
})
