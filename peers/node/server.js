// An echo server on /echo with the ws library: node server.js PORT none|nct|ct
import { WebSocketServer } from 'ws'

const [port, deflate] = [Number(process.argv[2]), process.argv[3] ?? 'none']
const server = new WebSocketServer({
  host: '127.0.0.1',
  port,
  path: '/echo',
  maxPayload: 32 << 20,
  perMessageDeflate: deflate === 'none' ? false : {
    threshold: 0,
    // false would refuse it; undefined leaves it to the peer
    ...(deflate === 'nct' && { serverNoContextTakeover: true, clientNoContextTakeover: true }),
  },
})
server.on('connection', (ws) => {
  ws.on('error', () => {}) // the close that follows says enough
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }))
})
server.on('listening', () => console.error(`listening on http://127.0.0.1:${server.address().port}`))
