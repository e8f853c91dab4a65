// Runs the scenarios of one client of the API, and says how each went. A suite
// is a table, as scenarios.py in ../python has it; the environment is the same.

import { crc32, deflateSync } from 'node:zlib';

const env = (name) => {
  if (!process.env[name]) throw new Error(`${name} is not set: run test/interop/run.sh`);
  return process.env[name];
};

export const API = env('VISION_API');
export const KEY = env('VISION_KEY');
export const LIMITED_KEY = env('VISION_LIMITED_KEY');
export const LIMIT = Number(env('VISION_LIMIT'));
export const CHAT = 'vision-ref-chat';
export const COMPLETION = 'vision-ref-completion';
export const IMAGE = 'vision-ref-image';
export const EDIT = 'vision-ref-edit';
export const INPAINT = 'vision-ref-inpaint';
export const UPSCALE = 'vision-ref-upscale';
export const EMBED = 'vision-ref-embed';
export const RIVERS = 'Tell me about rivers.';
export const PARIS = 'What is the weather in Paris?';

// With this seed and temperature the answer to RIVERS takes over a second.
export const LONG = { seed: 14, temperature: 1.3 };

export const WEATHER_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

// A picture of one pixel.
export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const timeout = 300_000; // ms, for one scenario

// main runs a client's scenarios, [name, function] each, or those whose names
// contain one of the arguments.
export async function main(client, table) {
  let failed = false;
  for (const [name, run] of table) {
    const words = process.argv.slice(2);
    if (words.length > 0 && !words.some((w) => name.includes(w))) continue;
    const start = performance.now();
    let why = '';
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${timeout} ms`)), timeout);
    });
    try {
      await Promise.race([run(), late]);
    } catch (e) {
      why = `${e?.stack ?? e}\n${e?.cause ? `cause: ${e.cause?.stack ?? e.cause}\n` : ''}`;
      failed = true;
    }
    clearTimeout(timer);
    const took = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
    process.stdout.write(`${(why ? 'FAILED' : 'ok').padEnd(6)} ${took} s  ${client.padEnd(17)} ${name}\n${why}`);
  }
  process.exitCode = failed ? 1 : 0;
  setTimeout(() => process.exit(), 5000).unref(); // whatever a client left open
}

// metric sums a metric of the gateway over the series whose labels contain all of these.
async function metric(name, ...labels) {
  const text = await (await fetch(env('VISION_METRICS'), { signal: AbortSignal.timeout(60_000) })).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && labels.every((l) => line.includes(l)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

const canceled = () => metric('vision_gateway_attempts_total', 'status="canceled"', `task="${CHAT}"`);

// serverNotices checks that the gateway counts as canceled what cancel breaks
// off. It is done again while it does not: an answer may by chance be short, or
// we slow, and it is over before.
export async function serverNotices(cancel) {
  const before = await canceled();
  for (;;) {
    await cancel();
    for (let i = 0; i < 20; i++) {
      if ((await canceled()) > before) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

// paced reads streams, whose parts read tells of by its argument as they arrive, until one has come as a server paces
// it, and gives what read did. If we are slow, all of a stream may have come before we read its first part.
export async function paced(read) {
  for (let tries = 0; tries < 20; tries++) {
    const arrivals = [];
    const got = await read(() => arrivals.push(performance.now()));
    if (arrivals.at(-1) - arrivals[0] > 100) return got;
  }
  throw new Error('what a server paces came at once, 20 times');
}

// fails gives the error that a promise is rejected with.
export async function fails(promise) {
  let answer;
  try {
    answer = await promise;
  } catch (e) {
    return e;
  }
  throw new Error(`no error, but ${JSON.stringify(answer)?.slice(0, 300)}`);
}

// untilRefused calls until the limited key is refused, and gives that error. Its
// limit is reached neither before nor after; time gives back what it has taken.
export async function untilRefused(call) {
  const begun = performance.now();
  for (let passed = 0; passed <= LIMIT * (1 + (performance.now() - begun) / 60_000); passed++) {
    try {
      await call();
    } catch (e) {
      if (passed >= LIMIT) return e;
      throw new Error(`request ${passed + 1} was refused, of ${LIMIT} that are allowed`, { cause: e });
    }
  }
  throw new Error(`more requests passed than ${LIMIT} a minute`);
}

export const atOnce = (n, ask) => Promise.all(Array.from({ length: n }, (_, i) => ask(i)));

export function pngSize(raw) {
  if (raw.subarray(1, 4).toString('latin1') !== 'PNG') throw new Error('not a PNG');
  return `${raw.readUInt32BE(16)}x${raw.readUInt32BE(20)}`;
}

export function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, v, i) => sum + v * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

// png makes a square picture of pixel(x, y), which gives red, green, blue and alpha.
function png(side, pixel) {
  const chunk = (kind, data) => {
    const out = Buffer.alloc(data.length + 12);
    out.writeUInt32BE(data.length);
    out.write(kind, 4, 'latin1');
    data.copy(out, 8);
    out.writeUInt32BE(crc32(out.subarray(4, -4)), data.length + 8);
    return out;
  };
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 6, 0, 0, 0]);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  const rows = [];
  for (let y = 0; y < side; y++) {
    rows.push(0);
    for (let x = 0; x < side; x++) rows.push(...pixel(x, y));
  }
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.from(rows))), chunk('IEND', Buffer.alloc(0))]);
}

export const picture = (side) => png(side, (x, y) => [x % 256, y % 256, 128, 255]);

// mask is transparent, to be painted, in the right half.
export const mask = (side) => png(side, (x) => [0, 0, 0, x > side / 2 ? 0 : 255]);
