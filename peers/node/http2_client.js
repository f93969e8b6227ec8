// A WebSocket over HTTP/2 with undici: node http2_client.js HOST:PORT. A text, a
// megabyte and the code of its close have to come back.
import { Agent, WebSocket } from 'undici'

const host = process.argv[2]

function fail(why) {
  console.error(why)
  process.exit(1)
}
setTimeout(() => fail('it hangs'), 30_000).unref()

const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } })
const ws = new WebSocket(`wss://${host}/`, { protocols: 'chat', dispatcher, headers: { origin: `https://${host}` } })
ws.binaryType = 'arraybuffer'
ws.addEventListener('error', ({ message, error }) => fail(message || error?.message || 'it did not open'))
const next = (type) => new Promise((resolve) => ws.addEventListener(type, resolve, { once: true }))

await next('open')
if (ws.protocol !== 'chat') fail(`subprotocol ${ws.protocol}`)

const text = '\u03ba\u1f79\u03c3\u03bc\u03b5'
let got = next('message')
ws.send(text)
if ((await got).data !== text) fail('another text came back')

const big = Buffer.alloc(1 << 20, 'wye')
got = next('message')
ws.send(big)
if (!big.equals(Buffer.from((await got).data))) fail('another megabyte came back')

got = next('close')
ws.close(4001, 'enough')
console.log((await got).code)
await dispatcher.close()
