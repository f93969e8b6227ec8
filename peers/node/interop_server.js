// The server's half of every case of ../interop with the ws library: a path for
// each way to compress. It prints its address, then how connections were closed.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const deflate = {
  none: false,
  takeover: { threshold: 0 },
  'no-takeover': { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
  bits9: { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
}
const print = (line) => console.log(JSON.stringify(line))

const servers = new Map(Object.entries(deflate).map(([mode, perMessageDeflate]) => [`/${mode}`, new WebSocketServer({
  noServer: true,
  perMessageDeflate,
  maxPayload: 1 << 20,
  handleProtocols: (offered) => (offered.has('interop.example') ? 'interop.example' : false),
})]))

function serve(ws, id) {
  ws.on('error', () => {}) // the close that follows says enough
  ws.on('close', (code, reason) => print({ id, code, reason: reason.toString() }))
  ws.on('message', (data, isBinary) => {
    const command = isBinary || data.length > 20 ? '' : data.toString()
    switch (command) {
      case '!fragments':
        ['a', 'b', 'c'].forEach((letter, i) => ws.send(letter.repeat(100_000), { fin: i === 2 }))
        return
      case '!ping':
        ws.once('pong', () => ws.send('pong'))
        ws.ping('interop')
        return
      case '!close':
        ws.close(4002, 'bye from the server')
        return
      default:
        ws.send(data, { binary: isBinary })
    }
  })
}

const http = createServer((_, response) => response.writeHead(404).end())
http.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'ws://127.0.0.1')
  const server = servers.get(url.pathname)
  if (!server) {
    socket.destroy()
    return
  }
  server.handleUpgrade(request, socket, head, (ws) => serve(ws, url.searchParams.get('id')))
})
http.listen(0, '127.0.0.1', () => print({ listening: `127.0.0.1:${http.address().port}` }))
