// A WebSocket over node:http2: node http2_client.mjs HOST:PORT. It says Hello, which
// has to come back, and closes.
import http2 from 'node:http2'
const u = process.argv[2]
const s = http2.connect('https://' + u, { rejectUnauthorized: false })
s.on('remoteSettings', (x) => {
  if (!x.enableConnectProtocol) throw new Error('no extended CONNECT is announced')
  const r = s.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': '/', ':authority': u, 'sec-websocket-version': '13', 'sec-websocket-protocol': 'chat', origin: 'https://' + u }, { endStream: false })
  r.on('response', (h) => { if (h[':status'] !== 200 || h['sec-websocket-protocol'] !== 'chat') throw new Error(JSON.stringify(h)); r.write(Buffer.from('818537fa213d7f9f4d5158', 'hex')) })
  let all = ''
  r.on('data', (d) => { all += d.toString('hex'); if (all === '810548656c6c6f') r.write(Buffer.from('888200000000' + '03e8', 'hex')) })
  r.on('end', () => { console.log(all); s.close() })
  r.on('error', (e) => console.log('error', e.message))
})
setTimeout(() => process.exit(1), 30000).unref()
