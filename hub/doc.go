// Package hub has channels with many members: what is published into a channel
// reaches everybody who has joined it. It knows who is there, keeps the last
// messages for who comes late, and tells who comes back exactly what was missed.
//
// A [Hub] is one node. Its [Engine] stores and orders what is published: the one
// in memory by default, another to reach beyond one machine. The hub never
// touches a socket: a connection is an [Outlet], such as that of package hubws
// for a WebSocket.
//
// # What is promised
//
// A channel belongs to a [Namespace], by the part of its name before the first
// colon, and that says what kind of channel it is.
//
//   - Without history a channel is live: a message arrives at most once, and those
//     of one publisher in their order. Whoever is too slow loses messages as
//     [Slow] says, and each loss is counted.
//   - With history there is one order of messages, the same for everybody, and no
//     gap in what a member gets: who is too slow is disconnected, and recovers
//     on coming back. A member that rejoins with the [Position] of the last
//     message is told Recovered and given exactly what was missed, or told that
//     this is not so.
//   - Publish into a channel with history returns when the engine has stored the
//     message. A retry with the same idempotency key within two minutes is
//     stored once.
//   - Presence is a lease: who leaves is gone at once, and the members of a node
//     that crashed are gone when the lease has run out.
//
// Every queue is bounded, in messages and in bytes, and nobody waits for a slow
// member.
package hub
