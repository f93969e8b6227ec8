// An echo with the ws library on node:http2, without TLS: node http2_server.js PORT
import http2 from 'node:http2'
import WebSocket from 'ws'

const server = http2.createServer({ settings: { enableConnectProtocol: true } })
server.on('stream', (stream, headers) => {
  if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
    stream.respond({ ':status': 404 }, { endStream: true })
    return
  }
  stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' })
  stream.setNoDelay = () => {} // what ws calls on its socket
  const ws = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 5000 })
  ws.setSocket(stream, Buffer.alloc(0), { maxPayload: 2 << 20 })
  ws.on('error', () => {})
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }))
})
server.listen(Number(process.argv[2]), '127.0.0.1')
