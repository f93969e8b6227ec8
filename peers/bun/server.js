// A server on bun, which has uWebSockets inside: bun server.js PORT
// /echo sends each message back, /sub joins the group, and what is sent to /pub
// goes to the group.
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  fetch(request, server) {
    const { pathname } = new URL(request.url)
    if (!server.upgrade(request, { data: pathname })) {
      return new Response('a WebSocket is wanted', { status: 426 })
    }
  },
  websocket: {
    maxPayloadLength: 32 << 20,
    backpressureLimit: 64 << 20,
    perMessageDeflate: false,
    open(ws) {
      if (ws.data === '/sub') ws.subscribe('group')
    },
    message(ws, message) {
      if (ws.data === '/pub') server.publish('group', message)
      else if (ws.data !== '/sub') ws.send(message)
    },
  },
})
console.error(`listening on http://127.0.0.1:${server.port}`)
