// What the player wants, from keys, a finger or a mouse, as an input of the
// arena.
import { dash, directions } from "./game-arena.js";

const keys = {
  ArrowUp: [0, -1], KeyW: [0, -1], ArrowDown: [0, 1], KeyS: [0, 1],
  ArrowLeft: [-1, 0], KeyA: [-1, 0], ArrowRight: [1, 0], KeyD: [1, 0],
};
const patience = 10; // who taps a moment too early, dizzy or not ready, means it
const dead = 10; // pixels that a finger may move without steering

// direction is where a vector points to, from 1; 0 is nowhere.
export function direction(x, y) {
  if (x === 0 && y === 0) return 0;
  const turn = Math.round(Math.atan2(y, x) / (2 * Math.PI) * directions);
  return (turn + directions) % directions + 1;
}

export class Controls {
  #held = new Set(); // codes of keys
  #stick = null; // { id, x, y, direction, knob } of a finger
  #dashes = new Set(); // pointers on the button
  #wanted = 0; // for how many inputs a dash that was let go is still asked for

  // pad is where a finger steers, knob what shows that it does, button dashes.
  constructor({ pads, knob, button }) {
    addEventListener("keydown", (event) => this.#key(event, true));
    addEventListener("keyup", (event) => this.#key(event, false));
    addEventListener("blur", () => this.release());
    for (const pad of pads) {
      pad.addEventListener("pointerdown", (event) => this.#down(event, pad, knob));
      pad.addEventListener("pointermove", (event) => this.#move(event, knob));
      for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, (event) => this.#up(event, knob));
    }
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.#wanted = patience;
      this.#dashes.add(event.pointerId);
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      button.addEventListener(end, (event) => this.#dashes.delete(event.pointerId));
    }
    button.addEventListener("click", () => { this.#wanted = patience; }); // by a key, or a reader's
  }

  // input is what is wanted now.
  input() {
    let x = 0, y = 0;
    for (const code of this.#held) {
      x += keys[code]?.[0] ?? 0;
      y += keys[code]?.[1] ?? 0;
    }
    const d = direction(Math.sign(x), Math.sign(y)) || this.#stick?.direction || 0;
    const dashing = this.#wanted > 0 || this.#held.has("Space") || this.#dashes.size > 0;
    if (this.#wanted > 0) this.#wanted--;
    return dashing ? d | dash : d;
  }

  release() {
    this.#held.clear();
    this.#dashes.clear();
    this.#stick = null;
  }

  #key(event, down) {
    const { code, target } = event;
    if (!down) return this.#held.delete(code);
    if (!keys[code] && code !== "Space") return;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest?.("input, textarea, button, a, dialog")) return;
    event.preventDefault(); // the page does not scroll
    if (code === "Space" && !event.repeat) this.#wanted = patience;
    this.#held.add(code);
  }

  #down(event, pad, knob) {
    if (event.target.closest("button, a, input, form") || this.#stick) return;
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    this.#stick = { id: event.pointerId, x: event.clientX, y: event.clientY, direction: 0 };
    knob.show(event.clientX, event.clientY);
  }

  #move(event, knob) {
    const s = this.#stick;
    if (s?.id !== event.pointerId) return;
    const x = event.clientX - s.x, y = event.clientY - s.y, far = Math.hypot(x, y);
    if (far > dead) s.direction = direction(x, y);
    knob.move(x, y);
    // The middle follows a finger that goes far, so that the way back is short.
    if (far > 60) {
      s.x += x * (1 - 60 / far);
      s.y += y * (1 - 60 / far);
    }
  }

  #up(event, knob) {
    if (this.#stick?.id !== event.pointerId) return;
    this.#stick = null;
    knob.hide();
  }
}
