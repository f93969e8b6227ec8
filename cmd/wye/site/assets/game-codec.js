// The messages of docs/game.md. A message that is none makes these functions
// throw.
import { side, slots } from "./game-arena.js";

export const version = 1;
export const maxInputs = 8;

// nothing is the state of who has seen none.
export function nothing() {
  return {
    tick: 0, round: 0, phase: 0, left: 0, winner: 0, cans: [0, 0, 0],
    players: Array.from({ length: slots }, nobody),
    tiles: new Uint8Array(side * side),
  };
}

function nobody() {
  return { kind: 0, member: 0, name: "", ack: 0, wins: 0, body: { x: 0, y: 0, vx: 0, vy: 0, face: 0, dash: 0, cool: 0, stun: 0 } };
}

// read takes a message of the server apart: {type: "hello", version, member},
// {type: "refusal", text} or {type: "state", state, whole}. base is the newest
// state so far; it is not changed.
export function read(buffer, base) {
  const r = new Reader(buffer);
  switch (r.byte()) {
    case 1: return { type: "hello", version: r.byte(), member: r.uint32() };
    case 2: return { type: "state", state: changes(r, { ...nothing(), tick: r.uint32() }), whole: true };
    case 3: {
      const tick = r.uint32();
      if (r.uint32() !== base.tick) throw new RangeError("a delta to another state");
      return { type: "state", state: changes(r, { ...base, tick }), whole: false };
    }
    case 4: return { type: "refusal", text: r.text(buffer.byteLength - 1) };
  }
  throw new RangeError("an unknown message");
}

// changes reads what is different, into s, whose parts it does not change.
function changes(r, s) {
  const head = [s.round, s.phase, s.left, s.winner, ...s.cans];
  r.numbers(r.byte(), head);
  [s.round, s.phase, s.left, s.winner, ...s.cans] = head;
  s.players = [...s.players];
  for (let mask = r.byte(), i = 0; mask !== 0; mask >>= 1, i++) {
    if (mask & 1) s.players[i] = player(r, s.players[i]);
  }
  s.tiles = s.tiles.slice();
  for (let at = 0, n; (n = r.uvarint()) !== 0; at += n) {
    at += r.uvarint();
    if (at + n > s.tiles.length) throw new RangeError("tiles beyond the floor");
    s.tiles.fill(r.byte(), at, at + n);
  }
  r.end();
  return s;
}

function player(r, p) {
  const b = p.body;
  const n = [b.x, b.y, b.vx, b.vy, b.face, b.dash, b.cool, b.stun, p.ack, p.wins, p.member, p.kind];
  const mask = r.uint16();
  r.numbers(mask & 0xfff, n);
  const [x, y, vx, vy, face, dash, cool, stun, ack, wins, member, kind] = n;
  const name = mask & 0x1000 ? r.text(r.byte()) : p.name;
  return { kind, member: member >>> 0, name, ack: ack >>> 0, wins, body: { x, y, vx, vy, face, dash, cool, stun } };
}

// Reader takes a message apart from its beginning.
class Reader {
  #view; #at = 0;
  constructor(buffer) { this.#view = new DataView(buffer); }
  byte() { return this.#view.getUint8(this.#at++); }
  uint16() { return this.#view.getUint16((this.#at += 2) - 2, true); }
  uint32() { return this.#view.getUint32((this.#at += 4) - 4, true); }

  uvarint() {
    for (let v = 0, shift = 0; shift < 35; shift += 7) {
      const b = this.byte();
      v += (b & 0x7f) * 2 ** shift;
      if (b < 0x80) return v;
    }
    throw new RangeError("a number out of bounds");
  }

  text(length) {
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#at, length);
    this.#at += length;
    return new TextDecoder().decode(bytes);
  }

  // numbers adds to those of mask how far each went, modulo 2^32.
  numbers(mask, n) {
    for (let i = 0; i < n.length; i++) {
      if (!(mask & 1 << i)) continue;
      const z = this.uvarint();
      if (z > 0xffffffff) throw new RangeError("a number out of bounds");
      n[i] = (n[i] + ((z >>> 1) ^ -(z & 1))) | 0;
    }
  }

  end() {
    if (this.#at !== this.#view.byteLength) throw new RangeError("the message goes on after its end");
  }
}

// join, leave and inputs make the messages of a client.
export function join(name) { return new Uint8Array([1, ...new TextEncoder().encode(name)]); }
export function leave() { return new Uint8Array([3]); }

// inputs are up to maxInputs, of which first has the number first. seen is the
// tick of the newest state.
export function inputs(seen, first, list) {
  const view = new DataView(new ArrayBuffer(9 + list.length));
  view.setUint8(0, 2);
  view.setUint32(1, seen, true);
  view.setUint32(5, first, true);
  list.forEach((input, i) => view.setUint8(9 + i, input));
  return view;
}
