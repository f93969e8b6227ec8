// Draws a session on a canvas. The colours are the style sheet's.
import { coolTime, heading, side, unit } from "./game-arena.js";

const popTime = 260; // of the light on a tile that was just painted, in ms

export class View {
  #canvas; #ctx; #floor; // the floor with its paint is drawn on a canvas of its own
  #tiles = new Uint8Array(side * side); // as they are on #floor
  #pops = []; // { tile, at }
  #size = 0; #cell = 0; #colours = {};
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(canvas) {
    this.#canvas = canvas;
    this.#ctx = canvas.getContext("2d");
    this.#floor = document.createElement("canvas");
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#fit());
    this.#fit();
  }

  #fit() {
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.#colours = {
      floor: colour("--floor"), grid: colour("--grid"), ink: colour("--ink"), halo: colour("--card"), can: colour("--can"), pop: colour("--pop"),
      slots: [colour("--floor"), ...Array.from({ length: 8 }, (_, i) => colour(`--slot${i + 1}`))],
    };
    // A whole number of pixels to a tile, so that no seams show.
    const cell = Math.max(4, Math.round(this.#canvas.clientWidth * Math.min(devicePixelRatio, 2) / side));
    this.#cell = cell;
    this.#size = cell * side;
    for (const c of [this.#canvas, this.#floor]) c.width = c.height = this.#size;
    const ctx = this.#floor.getContext("2d");
    for (let tile = 0; tile < this.#tiles.length; tile++) this.#drawTile(ctx, tile);
  }

  // draw shows what Play.shown returned, at the time now.
  draw({ players, tiles, cans }, mine, now) {
    this.#paint(tiles, now);
    const ctx = this.#ctx;
    ctx.drawImage(this.#floor, 0, 0);
    this.#drawPops(now);
    for (const at of cans) if (at > 0) this.#drawCan(at - 1, now);
    const others = players.filter((p) => !p.mine);
    for (const p of others) this.#drawBody(p, now);
    for (const p of others) this.#drawName(p);
    const me = players.find((p) => p.mine);
    if (me) {
      this.#drawBody(me, now);
      this.#drawRing(me, mine, now);
    }
  }

  #paint(tiles, now) {
    const ctx = this.#floor.getContext("2d");
    const dirty = new Set();
    for (let tile = 0; tile < tiles.length; tile++) {
      if (tiles[tile] === this.#tiles[tile]) continue;
      const x = tile % side, y = Math.trunc(tile / side);
      for (let j = Math.max(0, y - 1); j <= Math.min(side - 1, y + 1); j++) {
        for (let i = Math.max(0, x - 1); i <= Math.min(side - 1, x + 1); i++) dirty.add(j * side + i);
      }
      if (tiles[tile] !== 0 && !this.#still.matches) this.#pops.push({ tile, at: now });
    }
    this.#tiles.set(tiles);
    for (const tile of dirty) this.#drawTile(ctx, tile);
  }

  // #drawTile draws a tile so that paint has round corners, outside and inside.
  #drawTile(ctx, tile) {
    const cell = this.#cell, x = tile % side, y = Math.trunc(tile / side);
    const at = (dx, dy) => {
      const i = x + dx, j = y + dy;
      return i >= 0 && i < side && j >= 0 && j < side ? this.#tiles[j * side + i] : -1;
    };
    const slot = at(0, 0), r = cell * 0.45;
    ctx.fillStyle = this.#colours.floor;
    ctx.fillRect(x * cell, y * cell, cell, cell);
    if (slot === 0) {
      ctx.fillStyle = this.#colours.grid;
      disc(ctx, (x + 0.5) * cell, (y + 0.5) * cell, Math.max(1, cell * 0.05));
    }
    ctx.globalAlpha = 0.8;
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    if (slot !== 0) {
      ctx.fillStyle = this.#colours.slots[slot];
      ctx.beginPath();
      ctx.roundRect(x * cell, y * cell, cell, cell, corners.map(([dx, dy]) => at(dx, 0) === slot || at(0, dy) === slot ? 0 : r));
      ctx.fill();
    }
    for (const [dx, dy] of corners) {
      const other = at(dx, 0);
      if (other <= 0 || other === slot || at(0, dy) !== other || at(dx, dy) !== other) continue;
      const cx = (x + (dx + 1) / 2) * cell, cy = (y + (dy + 1) / 2) * cell;
      ctx.fillStyle = this.#colours.slots[other];
      ctx.beginPath();
      ctx.moveTo(cx, cy);
      ctx.lineTo(cx - dx * r, cy);
      ctx.quadraticCurveTo(cx, cy, cx, cy - dy * r);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  #drawPops(now) {
    const ctx = this.#ctx, cell = this.#cell;
    this.#pops = this.#pops.filter(({ at }) => now - at < popTime);
    ctx.fillStyle = this.#colours.pop;
    for (const { tile, at } of this.#pops) {
      const left = 1 - (now - at) / popTime;
      ctx.globalAlpha = left * 0.45;
      ctx.beginPath();
      ctx.arc((tile % side + 0.5) * cell, (Math.trunc(tile / side) + 0.5) * cell, cell * (0.75 - left * 0.35), 0, 7);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  #drawCan(tile, now) {
    const ctx = this.#ctx, cell = this.#cell;
    const x = (tile % side + 0.5) * cell, y = (Math.trunc(tile / side) + 0.5) * cell;
    const r = cell * (0.5 + (this.#still.matches ? 0 : 0.06 * Math.sin(now / 160)));
    ctx.fillStyle = this.#colours.can;
    ctx.globalAlpha = 0.22;
    disc(ctx, x, y, r * 1.7);
    ctx.globalAlpha = 1;
    // A drop of paint.
    ctx.beginPath();
    ctx.moveTo(x, y - r * 1.25);
    ctx.bezierCurveTo(x + r * 0.35, y - r * 0.55, x + r * 0.85, y - r * 0.2, x + r * 0.85, y + r * 0.3);
    ctx.arc(x, y + r * 0.3, r * 0.85, 0, Math.PI);
    ctx.bezierCurveTo(x - r * 0.85, y - r * 0.2, x - r * 0.35, y - r * 0.55, x, y - r * 1.25);
    ctx.fill();
    ctx.fillStyle = this.#colours.halo;
    disc(ctx, x - r * 0.28, y + r * 0.25, r * 0.2);
  }

  #drawBody({ slot, body }, now) {
    const ctx = this.#ctx, k = this.#cell / unit;
    const x = body.x * k, y = body.y * k, r = this.#cell * 0.62;
    ctx.fillStyle = this.#colours.slots[slot];
    if (body.dash > 0 && !this.#still.matches) {
      for (const back of [3, 2, 1]) {
        ctx.globalAlpha = 0.4 - back * 0.1;
        disc(ctx, x - body.vx * k * back * 0.8, y - body.vy * k * back * 0.8, r * (1 - back * 0.12));
      }
      ctx.globalAlpha = 1;
    }
    disc(ctx, x, y, r);
    ctx.lineWidth = Math.max(1.5, this.#cell * 0.12);
    ctx.strokeStyle = this.#colours.halo;
    ctx.stroke();
    this.#drawEyes(x, y, r, body, now);
  }

  #drawEyes(x, y, r, body, now) {
    const ctx = this.#ctx;
    const [hx, hy] = body.face > 0 ? heading(body.face).map((v) => v / 1024) : [0, 1];
    for (const s of [-1, 1]) {
      const ex = x + hx * r * 0.3 - hy * r * 0.36 * s, ey = y + hy * r * 0.3 + hx * r * 0.36 * s;
      ctx.fillStyle = "#fff";
      disc(ctx, ex, ey, r * 0.29);
      ctx.fillStyle = "#16211f";
      // Who was hit rolls their eyes.
      const turn = body.stun > 0 && !this.#still.matches ? now / 60 + s : Math.atan2(hy, hx);
      disc(ctx, ex + Math.cos(turn) * r * 0.11, ey + Math.sin(turn) * r * 0.11, r * 0.15);
    }
  }

  // #drawRing shows which one is the player's own, and when the next dash is.
  #drawRing({ body }, mine, now) {
    const ctx = this.#ctx, k = this.#cell / unit, r = this.#cell * 0.98;
    const x = body.x * k, y = body.y * k;
    ctx.lineWidth = Math.max(2, this.#cell * 0.13);
    ctx.strokeStyle = this.#colours.ink;
    const ready = 1 - body.cool / coolTime;
    ctx.globalAlpha = ready === 1 ? 0.9 : 0.45;
    ctx.beginPath();
    ctx.arc(x, y, r, -Math.PI / 2, -Math.PI / 2 + Math.max(0.01, ready) * 2 * Math.PI);
    ctx.stroke();
    ctx.globalAlpha = 1;
    if (mine.fresh > now) { // a pointer to it, in the first seconds
      const bob = this.#still.matches ? 0 : Math.sin(now / 130) * this.#cell * 0.18;
      const above = y > this.#cell * 3 ? -1 : 1;
      const tip = y + above * (r * 1.45 - bob * above);
      ctx.fillStyle = this.#colours.ink;
      ctx.beginPath();
      ctx.moveTo(x, tip);
      ctx.lineTo(x - r * 0.55, tip + above * r * 0.8);
      ctx.lineTo(x + r * 0.55, tip + above * r * 0.8);
      ctx.fill();
    }
  }

  #drawName({ body, name, kind }) {
    const ctx = this.#ctx, k = this.#cell / unit;
    const size = Math.max(9 * Math.min(devicePixelRatio, 2), this.#cell * 0.5);
    ctx.font = `600 ${size}px ${getComputedStyle(this.#canvas).fontFamily}`;
    ctx.textAlign = "center";
    const text = name.length > 14 ? `${[...name].slice(0, 13).join("")}…` : name;
    const half = ctx.measureText(text).width / 2;
    const x = Math.max(half + 4, Math.min(this.#size - half - 4, body.x * k));
    const below = body.y * k + this.#cell * 0.95 + size * 0.8;
    const y = below < this.#size - 4 ? below : body.y * k - this.#cell * 0.95;
    ctx.globalAlpha = kind === 1 ? 1 : 0.75;
    ctx.lineJoin = "round";
    ctx.lineWidth = size * 0.3;
    ctx.strokeStyle = this.#colours.halo;
    ctx.strokeText(text, x, y);
    ctx.fillStyle = this.#colours.ink;
    ctx.fillText(text, x, y);
    ctx.globalAlpha = 1;
  }
}

function disc(ctx, x, y, r) {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 2 * Math.PI);
  ctx.fill();
}
