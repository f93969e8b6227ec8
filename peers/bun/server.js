// A server on bun, which has uWebSockets inside: bun server.js PORT none|nct|ct
// /echo sends each message back, /sub joins the group, what is sent to /pub goes
// to the group, and /free collects garbage.
const [port, deflate] = [Number(process.argv[2]), process.argv[3] ?? 'none']
const server = Bun.serve({
  hostname: '127.0.0.1',
  port,
  fetch(request, server) {
    const { pathname } = new URL(request.url)
    if (pathname === '/free') {
      Bun.gc(true)
      return new Response()
    }
    if (!server.upgrade(request, { data: pathname })) {
      return new Response('a WebSocket is wanted', { status: 426 })
    }
  },
  websocket: {
    maxPayloadLength: 32 << 20,
    backpressureLimit: 64 << 20,
    // what "shared" compresses does not take over, what "dedicated" does, does
    perMessageDeflate: {
      none: false,
      nct: { compress: 'shared', decompress: 'shared' },
      ct: { compress: 'dedicated', decompress: 'dedicated' },
    }[deflate],
    open(ws) {
      if (ws.data === '/sub') ws.subscribe('group')
    },
    message(ws, message) {
      if (ws.data === '/pub') server.publish('group', message)
      else if (ws.data !== '/sub') ws.send(message, deflate !== 'none')
    },
  },
})
console.error(`listening on http://127.0.0.1:${server.port}`)
