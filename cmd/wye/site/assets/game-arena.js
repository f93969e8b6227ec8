// How a body moves and what it paints, by the numbers of cmd/wye/game/arena: what
// the page predicts is what the server does. All is in integers: tiles have 1024
// units, times are ticks. A test runs this beside the Go code.
export const side = 24, unit = 1024, extent = side * unit, slots = 8, directions = 32, rate = 30;
export const dash = 0x80; // the bit of an input that asks for a dash
export const play = 1; // the phase in which bodies move; in the other, 0, the result shows
export const coolTime = 75;

const margin = Math.trunc(unit * 7 / 10), ahead = Math.trunc(unit * 4 / 5);
const speed = 240, speedOwn = 300, speedOnto = 165, speedDash = 680, dashTime = 7;
const brush = Math.trunc(unit * 9 / 20), brushDash = Math.trunc(unit * 6 / 5);

const quarter = [1024, 1004, 946, 851, 724, 569, 392, 200];
const compass = [...quarter, 0, ...quarter.slice(1).reverse().map((v) => -v), ...quarter.map((v) => -v), 0, ...quarter.slice(1).reverse()];

// heading is the direction d, from 1, as a vector of length 1024.
export function heading(d) {
  return [compass[(d - 1) % directions], compass[(d - 1 + directions * 3 / 4) % directions]];
}

// move carries out one input of the player in slot: it moves body for a tick, and
// paints tiles. Both are changed.
export function move(body, input, slot, tiles) {
  let d = input & 0x7f;
  let dashing = (input & dash) !== 0;
  if (body.stun > 0) {
    d = 0;
    dashing = false;
    body.stun--;
  }
  if (body.cool > 0) body.cool--;
  if (d > 0) body.face = d;
  if (dashing && body.cool === 0 && body.face > 0) {
    body.dash = dashTime;
    body.cool = coolTime;
  }
  steer(body, d, slot, tiles);
  [body.x, body.vx] = advance(body.x, body.vx);
  [body.y, body.vy] = advance(body.y, body.vy);
  let half = brush;
  if (body.dash > 0) {
    body.dash--;
    half = brushDash;
  }
  paint(tiles, slot, body.x, body.y, half);
}

function steer(body, d, slot, tiles) {
  if (body.dash > 0) {
    const [x, y] = heading(body.face);
    body.vx = (x * speedDash) >> 10;
    body.vy = (y * speedDash) >> 10;
  } else if (d === 0) {
    body.vx -= body.vx >> 3;
    body.vy -= body.vy >> 3;
  } else {
    const [x, y] = heading(d);
    const floor = tiles[tileAt(body.x + ((x * ahead) >> 10), body.y + ((y * ahead) >> 10))];
    const top = floor === 0 ? speed : floor === slot ? speedOwn : speedOnto;
    body.vx += (((x * top) >> 10) - body.vx) >> 2;
    body.vy += (((y * top) >> 10) - body.vy) >> 2;
  }
}

function advance(at, v) {
  const walled = clamp(at + v, margin, extent - 1 - margin);
  return walled === at + v ? [walled, v] : [walled, 0];
}

function tileAt(x, y) {
  return Math.trunc(clamp(y, 0, extent - 1) / unit) * side + Math.trunc(clamp(x, 0, extent - 1) / unit);
}

function paint(tiles, slot, x, y, half) {
  const from = tileAt(x - half, y - half), to = tileAt(x + half, y + half);
  for (let line = Math.trunc(from / side); line <= Math.trunc(to / side); line++) {
    tiles.fill(slot, line * side + from % side, line * side + to % side + 1);
  }
}

function clamp(v, least, most) { return Math.max(least, Math.min(v, most)); }
