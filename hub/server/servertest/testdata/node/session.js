// What a page would do with the SDK, step by step: each step is a line on stdout.
//
//	node session.js URL CHANNEL OWN
//
// Tokens come as lines on stdin, after the number of the request for one, which is a
// line on stdout.

import readline from 'node:readline'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'

const [url, channel, own] = process.argv.slice(2)
const say = (step, value) => console.log(JSON.stringify({ step, value }))
const fail = (why) => {
  say('failed', String(why))
  process.exit(1)
}

const answers = new Map()
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [number, answer] = line.split(' ')
  answers.get(number)(answer)
})
let asked = 0
const token = (...what) => new Promise((resolve) => {
  const number = String(asked++)
  answers.set(number, resolve)
  say('token', [number, ...what])
})
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve))

const client = new Centrifuge(url, { websocket: WebSocket, getToken: () => token('connection') })
client.on('error', (ctx) => say('error', ctx.error))
client.connect()
const connected = await once(client, 'connected')
say('connected', { client: connected.client !== '', transport: connected.transport })

const sub = client.newSubscription(channel, { joinLeave: true })
sub.subscribe()
const subscribed = await once(sub, 'subscribed')
say('subscribed', {
  recoverable: subscribed.recoverable, positioned: subscribed.positioned,
  recovering: subscribed.wasRecovering, epoch: subscribed.streamPosition.epoch !== '',
})

const published = once(sub, 'publication')
await sub.publish({ text: 'from the SDK' })
const publication = await published
say('publication', { data: publication.data, offset: publication.offset, user: publication.info.user })

const presence = await sub.presence()
say('presence', Object.values(presence.clients).map((c) => c.user))
const stats = await sub.presenceStats()
say('presence stats', [stats.numClients, stats.numUsers])
const history = await sub.history({ limit: 10 })
say('history', { data: history.publications.map((p) => p.data), offset: history.offset })

// Somebody else comes and goes.
const other = new Centrifuge(url, { websocket: WebSocket, getToken: () => token('connection') })
const joined = once(sub, 'join')
const left = once(sub, 'leave')
const others = other.newSubscription(channel)
others.subscribe()
other.connect()
await once(others, 'subscribed')
say('join', (await joined).info.user)
other.disconnect()
say('leave', (await left).info.user)

// A channel that needs a token of its own.
const mine = client.newSubscription(own, { getToken: (ctx) => token('subscription', ctx.channel) })
mine.subscribe()
await once(mine, 'subscribed')
say('own', mine.channel)

// What may not be.
await client.publish('shut:a', {}).then(() => fail('published'), (e) => say('refused', e.code))
await client.rpc('method', {}).then(() => fail('called'), (e) => say('unknown', e.code))
await client.history('room:b', { limit: 1 }).then(() => fail('read'), (e) => say('not subscribed', e.code))

// The test says when both tokens were refreshed.
await token('wait')
say('state', [client.state, sub.state, mine.state])

sub.unsubscribe()
await client.ready()
say('unsubscribed', sub.state)

// The program ends the connection: for good.
const gone = once(client, 'disconnected')
await token('disconnect')
say('disconnected', (await gone).code)
process.exit(0)
