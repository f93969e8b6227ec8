// A driver for wye conform --listen with the ws library:
// node client.js ws://127.0.0.1:9001 none|nct|ct
import WebSocket from 'ws'

const [base, deflate] = [process.argv[2], process.argv[3] ?? 'none']
const perMessageDeflate = deflate === 'none' ? false : {
  threshold: 0,
  // false would refuse it; undefined leaves it to the peer
  ...(deflate === 'nct' && { serverNoContextTakeover: true, clientNoContextTakeover: true }),
}

// talk resolves with the last message when the connection has ended.
function talk(path, echo) {
  return new Promise((resolve) => {
    let last = ''
    const ws = new WebSocket(base + path, { perMessageDeflate: echo && perMessageDeflate, maxPayload: 96 << 20 })
    ws.on('error', () => {}) // the close that follows says enough
    ws.on('message', (data, isBinary) => {
      last = data.toString('latin1', 0, 32)
      if (echo) ws.send(data, { binary: isBinary })
    })
    ws.on('close', () => resolve(last))
  })
}

const count = Number(await talk('/getCaseCount', false))
for (let i = 1; i <= count; i++) {
  await talk(`/runCase?case=${i}&agent=node-ws`, true)
}
await talk('/updateReports?agent=node-ws', false)
