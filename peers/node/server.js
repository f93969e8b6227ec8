// A server with the ws library: node server.js PORT none|nct|ct
// /echo sends each message back, /sub joins the group, and what is sent to /pub
// goes to the group.
import { WebSocketServer } from 'ws'

const [port, deflate] = [Number(process.argv[2]), process.argv[3] ?? 'none']
const server = new WebSocketServer({
  host: '127.0.0.1',
  port,
  maxPayload: 32 << 20,
  perMessageDeflate: deflate === 'none' ? false : {
    threshold: 0,
    // false would refuse it; undefined leaves it to the peer
    ...(deflate === 'nct' && { serverNoContextTakeover: true, clientNoContextTakeover: true }),
  },
})
const group = new Set()
server.on('connection', (ws, { url }) => {
  ws.on('error', () => {}) // the close that follows says enough
  switch (url) {
    case '/sub':
      group.add(ws)
      ws.on('close', () => group.delete(ws))
      break
    case '/pub':
      ws.on('message', (data, isBinary) => {
        for (const member of group) member.send(data, { binary: isBinary })
      })
      break
    default:
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }))
  }
})
server.on('listening', () => console.error(`listening on http://127.0.0.1:${server.address().port}`))
