// The page's code does what it says: every snippet for every model is run.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { key, launch, models, text, visit } from './visit.js'

const run = promisify(execFile)

// How a snippet in a file is run, and from where.
const runners = {
  curl: (file) => ['bash', [file]],
  python: (file) => [process.env.PYTHON, [file]],
  javascript: (file) => ['node', [file]],
  go: (file) => ['go', ['run', file]],
}
const ends = { curl: 'sh', python: 'py', javascript: 'mjs', go: 'go' }

let browser
before(async () => { browser = await launch() })
after(() => browser.close())

for (const language of Object.keys(runners)) {
  test(language, async () => {
    const { page, done } = await visit(browser)
    await page.click(`#tab-${language}`)
    let tried = 0
    for (const model of await models()) {
      await page.select('#code-model', model.id)
      if (await text(page, '#snippet-note') === '') continue // of a kind that only the reference tells of
      tried++
      // JavaScript finds its packages from where it is, Go its module from where it runs.
      const folder = await mkdtemp(join(language === 'javascript' ? process.cwd() : tmpdir(), 'snippet-'))
      try {
        const file = join(folder, `snippet.${ends[language]}`)
        await writeFile(file, await text(page, '#snippet'))
        const [program, args] = runners[language](file)
        const cwd = language === 'go' ? process.env.VISION_SOURCE : folder
        const { stdout } = await run(program, args, { cwd, env: { ...process.env, VISION_API_KEY: key }, timeout: 120_000 })
        const picture = model.path.startsWith('/v1/images/') && await readFile(join(cwd, 'picture.png'))
        if (picture) {
          assert.equal(picture.subarray(1, 4).toString(), 'PNG')
          await rm(join(cwd, 'picture.png'))
        } else {
          assert.ok(stdout.trim().length > 3 && !stdout.includes('"error"'), `${model.id}: ${stdout}`)
        }
      } finally {
        await rm(folder, { recursive: true })
      }
    }
    assert.ok(tried >= 4, `${tried} models have code`)
    await done()
  })
}
