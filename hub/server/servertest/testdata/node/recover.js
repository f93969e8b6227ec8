// Clients that have to get every message once and in order, however often their
// connections are cut.
//
//	node recover.js URL CLIENTS MESSAGES CHANNEL…
//
// It prints ready when all have joined, and what came of it when all have all.

import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'

const [url, clients, messages] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const channels = process.argv.slice(5)
const result = { delivered: 0, recovered: 0, faults: [] }
let joined = 0

const fault = (text) => {
  if (result.faults.push(text) > 20) end()
}
const end = () => {
  console.log(JSON.stringify(result))
  process.exit(0)
}

for (let i = 0; i < clients; i++) {
  const client = new Centrifuge(url, { websocket: WebSocket, minReconnectDelay: 10, maxReconnectDelay: 500, timeout: 30000 })
  client.on('disconnected', (ctx) => fault(`client ${i}: disconnected: ${ctx.code} ${ctx.reason}`))
  for (const channel of channels) {
    const sub = client.newSubscription(channel, { minResubscribeDelay: 10, maxResubscribeDelay: 500 })
    let next = 0
    let before = false
    sub.on('subscribed', (ctx) => {
      if (!before && ++joined === clients * channels.length) console.log('ready')
      before = true
      if (ctx.wasRecovering && !ctx.recovered) fault(`client ${i}: ${channel}: not recovered after ${next}`)
      if (ctx.wasRecovering && ctx.recovered) result.recovered++
    })
    sub.on('unsubscribed', (ctx) => fault(`client ${i}: ${channel}: unsubscribed: ${ctx.code} ${ctx.reason}`))
    sub.on('publication', (ctx) => {
      if (ctx.data.n !== next) fault(`client ${i}: ${channel}: got ${ctx.data.n}, want ${next}`)
      next = ctx.data.n + 1
      if (++result.delivered === clients * channels.length * messages) end()
    })
    sub.subscribe()
  }
  client.connect()
}
