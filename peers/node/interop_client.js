// The client's half of every case of ../interop, with the ws library or with
// Node's own WebSocket: node interop_client.js ws|own ws://HOST:PORT
import { isDeepStrictEqual } from 'node:util'

const [library, base] = process.argv.slice(2)
const own = library === 'own'
const Client = own ? WebSocket : (await import('ws')).default

class Cannot extends Error {}

const deflate = {
  none: false,
  takeover: { threshold: 0 },
  'no-takeover': { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
  bits9: { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
}

// open resolves with a connection that has next(), which resolves with the next
// message or with the end.
function open(name, mode) {
  const protocols = ['other.example', 'interop.example']
  const url = `${base}/${mode}?id=${name}`
  const ws = own ? new Client(url, protocols) : new Client(url, protocols, { perMessageDeflate: deflate[mode] })
  ws.binaryType = 'arraybuffer'
  const arrived = []
  const waiting = []
  const arrive = (event) => (waiting.length ? waiting.shift()(event) : arrived.push(event))
  ws.addEventListener('message', ({ data }) => arrive({ data: typeof data === 'string' ? data : Buffer.from(data) }))
  ws.addEventListener('close', ({ code, reason }) => arrive({ code, reason }))
  ws.next = () => (arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)))
  return new Promise((resolve, reject) => {
    ws.addEventListener('open', () => resolve(ws))
    ws.addEventListener('error', ({ message }) => reject(new Error(message || 'it did not open')))
  })
}

function show(event) {
  const shown = JSON.stringify(event)
  return shown.length > 80 ? `${shown.slice(0, 80)}… (${event.data.length})` : shown
}

async function want(ws, data) {
  const got = await ws.next()
  if (typeof got.data === 'string' && got.data.startsWith('!cannot')) throw new Cannot()
  if (!isDeepStrictEqual(got.data, data)) throw new Error(`want ${show({ data })}, got ${show(got)}`)
}

const exchange = (...messages) => async (ws) => {
  for (const m of messages) {
    ws.send(m)
    await want(ws, m)
  }
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
const parts = ['a', 'b', 'c'].map((letter) => letter.repeat(100_000))

// It repeats what lies 1 KiB back.
let x = 1
const block = Array.from({ length: 1024 }, () => {
  x = (Math.imul(x, 1664525) + 1013904223) >>> 0
  return String.fromCharCode(97 + ((x >>> 24) % 16))
}).join('')
const compressible = exchange(...Array(40).fill(block), block.repeat(20), Buffer.from(block.repeat(1024)))

const cases = [
  ['text', 'none', exchange('héllo ☃ 𝄞')],
  ['binary', 'none', exchange(everyByte)],
  ['empty', 'none', exchange('', Buffer.alloc(0))],
  ['large', 'none', exchange(Buffer.alloc(1 << 20, everyByte))],
  ['client-fragments', 'none', async (ws) => {
    if (own) throw new Cannot()
    parts.forEach((part, i) => ws.send(part, { fin: i === parts.length - 1 }))
    await want(ws, parts.join(''))
  }],
  ['server-fragments', 'none', async (ws) => {
    ws.send('!fragments')
    await want(ws, parts.join(''))
  }],
  ['client-ping', 'none', async (ws) => {
    if (own) throw new Cannot()
    ws.ping('interop')
    await new Promise((resolve) => ws.once('pong', resolve))
  }],
  ['server-ping', 'none', async (ws) => {
    ws.send('!ping')
    await want(ws, 'pong')
  }],
  ['client-close', 'none', async (ws) => {
    ws.close(4001, 'bye from the client')
    const end = await ws.next()
    if (end.code !== 4001) throw new Error(`want code 4001 back, got ${show(end)}`)
  }],
  ['server-close', 'none', async (ws) => {
    ws.send('!close')
    const end = await ws.next()
    const wanted = { code: 4002, reason: 'bye from the server' }
    if (!isDeepStrictEqual(end, wanted)) throw new Error(`want ${show(wanted)}, got ${show(end)}`)
  }],
  ['subprotocol', 'none', async (ws) => {
    if (ws.protocol !== 'interop.example') throw new Error(`the subprotocol is ${show(ws.protocol)}`)
  }],
  ['takeover', 'takeover', compressible],
  ['no-takeover', 'no-takeover', compressible],
  ['bits9', 'bits9', compressible],
]

// late rejects after ten seconds, which no case takes.
function late() {
  let timer
  const promise = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came for ten seconds')), 10_000)
  })
  return { promise, stop: () => clearTimeout(timer) }
}

for (const [name, mode, run] of cases) {
  const report = { case: name }
  const limit = late()
  let ws
  try {
    ws = await Promise.race([open(name, mode), limit.promise])
    await Promise.race([run(ws), limit.promise])
  } catch (error) {
    if (error instanceof Cannot) report.cannot = true
    else report.error = error.message
  }
  limit.stop()
  ws?.close()
  console.log(JSON.stringify(report))
}
// The connections close, or are given up when the process ends.
setTimeout(() => process.exit(0), 100)
