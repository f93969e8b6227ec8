// What the page knows of a session, and what it makes of that: its own player is
// where the inputs that the server has not seen yet will have brought it
// (prediction, and reconciliation with each state that comes); the others are
// shown a moment late, between two states that are known (interpolation).
import { move, play, rate, unit } from "./game-arena.js";
import { inputs, nothing } from "./game-codec.js";

export const tickTime = 1000 / rate;
const delay = 3; // ticks that the others are shown late
const kept = 4 * rate; // states
const mostPending = 40; // inputs on their way: beyond, there is no use in more

export class Play {
  state = nothing();
  member = 0;
  predicted = null; // { slot, body, before, tiles }; before is body a tick ago
  corrected = 0; // how far the last states moved what was predicted, in units
  #states = []; // oldest first
  #pending = []; // inputs that are not in state yet
  #number = 0;
  #offset = Infinity; // when tick 0 was, by the states that were fastest
  #slip = { x: 0, y: 0 }; // what is left to be shown of a correction

  // mine is the page's own player, or undefined.
  get mine() { return this.member ? this.state.players.find(({ member }) => member === this.member) : undefined; }
  get slot() { return this.state.players.indexOf(this.mine) + 1; }
  get pending() { return this.#pending.length; }

  // hello is for a new connection.
  hello(member) {
    this.member = member;
    this.forget();
  }

  // forget what was done so far: the player is new.
  forget() {
    this.predicted = null;
    this.#pending = [];
    this.#number = 0;
  }

  // receive takes in a state that came at now.
  receive(state, whole, now) {
    if (whole) {
      this.#states = [];
      this.#offset = Infinity;
    }
    this.state = state;
    this.#states.push(state);
    if (this.#states.length > kept) this.#states.shift();
    // A state that was slow says nothing of the time; clocks that differ do.
    this.#offset = Math.min(this.#offset + 0.2, now - state.tick * tickTime);
    this.#reconcile();
  }

  // at is the state of a tick, if it is still known.
  at(tick) { return this.#states.find((state) => state.tick === tick); }

  #reconcile() {
    const mine = this.mine;
    if (!mine) return this.forget();
    const was = this.predicted;
    this.#pending = this.#pending.filter(({ number }) => number > mine.ack);
    this.predicted = { slot: this.slot, body: { ...mine.body }, before: { ...mine.body }, tiles: this.state.tiles.slice() };
    for (const { input } of this.#pending) this.#predict(input);
    if (!was) return;
    const dx = was.body.x - this.predicted.body.x, dy = was.body.y - this.predicted.body.y;
    this.corrected = Math.hypot(dx, dy);
    // A small correction is shown little by little, a large one is a jump.
    this.#slip = this.corrected > 3 * unit ? { x: 0, y: 0 } : { x: this.#slip.x + dx, y: this.#slip.y + dy };
    if (this.corrected <= 3 * unit) this.predicted.before = { ...was.before, x: was.before.x - dx, y: was.before.y - dy };
  }

  #predict(input) {
    const p = this.predicted;
    p.before = { ...p.body };
    if (this.state.phase === play) move(p.body, input, p.slot, p.tiles);
  }

  // act carries out inputs here, and returns the message that tells the server;
  // null if it would not be heard.
  act(list) {
    if (!this.predicted || this.#pending.length + list.length > mostPending) return null;
    const first = this.#number + 1;
    for (const input of list) {
      this.#pending.push({ number: ++this.#number, input });
      this.#predict(input);
    }
    this.#slip = { x: this.#slip.x * 0.8, y: this.#slip.y * 0.8 };
    return inputs(this.state.tick, first, list);
  }

  // seen is the message that tells only what has come.
  seen() { return inputs(this.state.tick, 0, []); }

  // shown is what to draw at now: players (slot, kind, name, body, mine) and
  // tiles. part is how much of the next tick has passed, 0 to 1.
  shown(now, part) {
    const [a, b, t] = this.#between((now - this.#offset) / tickTime - delay);
    const players = [];
    this.state.players.forEach((player, i) => {
      if (player.kind === 0) return;
      const mine = i + 1 === this.predicted?.slot;
      const body = mine ? mix(this.predicted.before, this.predicted.body, part) : mix(a.players[i].body, b.players[i].body, t);
      if (mine) {
        body.x += this.#slip.x;
        body.y += this.#slip.y;
      } else if (a.players[i].kind === 0) {
        Object.assign(body, player.body);
      }
      players.push({ slot: i + 1, kind: player.kind, name: player.name, body, mine });
    });
    return { players, tiles: this.#tiles(a.tiles), cans: this.state.cans };
  }

  // #between finds the two known states around a tick.
  #between(tick) {
    const states = this.#states;
    if (states.length === 0) return [this.state, this.state, 0];
    let i = states.findLastIndex((state) => state.tick <= tick);
    if (i < 0) i = 0;
    const a = states[i], b = states[i + 1] ?? a;
    return [a, b, a === b ? 0 : Math.min(1, Math.max(0, (tick - a.tick) / (b.tick - a.tick)))];
  }

  // #tiles are what the others have painted as late as they are shown, and at
  // once what the player has.
  #tiles(late) {
    const p = this.predicted;
    if (!p) return late;
    return p.tiles.map((slot, i) => slot === p.slot || late[i] === p.slot ? slot : late[i]);
  }
}

// mix is where a body is between two states; who was put elsewhere does not fly
// there.
function mix(a, b, t) {
  const far = Math.abs(a.x - b.x) + Math.abs(a.y - b.y) > 4 * unit;
  const k = far ? 1 : t;
  return { ...b, x: a.x + (b.x - a.x) * k, y: a.y + (b.y - a.y) * k };
}
