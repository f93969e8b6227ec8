// An echo over WebSocket over node:http2: node http2_server.mjs PORT
import http2 from 'node:http2'
const s = http2.createServer({ settings: { enableConnectProtocol: true } })
s.on('stream', (st, h) => {
  if (h[':method'] !== 'CONNECT' || h[':protocol'] !== 'websocket') return st.respond({ ':status': 404 }, { endStream: true })
  st.respond({ ':status': 200 })
  let b = Buffer.alloc(0)
  st.on('data', (d) => {
    b = Buffer.concat([b, d])
    for (;;) {
      if (b.length < 6) return
      let n = b[1] & 127, o = 2
      if (n === 126) { if (b.length < 8) return; n = b.readUInt16BE(2); o = 4 } else if (n === 127) { if (b.length < 14) return; n = Number(b.readBigUInt64BE(2)); o = 10 }
      if (b.length < o + 4 + n) return
      const k = b.subarray(o, o + 4), p = Buffer.from(b.subarray(o + 4, o + 4 + n))
      for (let i = 0; i < n; i++) p[i] ^= k[i & 3]
      const head = Buffer.from(b.subarray(0, o)); head[1] &= 127
      st.write(Buffer.concat([head, p]))
      if ((b[0] & 15) === 8) return st.end()
      b = b.subarray(o + 4 + n)
    }
  })
})
s.listen(Number(process.argv[2]), '127.0.0.1')
