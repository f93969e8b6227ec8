// A WebSocket that comes back. It resends nothing: what to say again is for
// its user to know.
import { hasToken, refusal, ticketFor } from "./token.js";

const base = 500;
const most = 30_000;
const connectWithin = 10_000;
const settledAfter = 10_000;

// socketURL is the address of a path of this server, with a ticket if there is
// one.
export function socketURL(path, ticket = "") {
  const url = new URL(path, location.origin);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (ticket) url.searchParams.set("ticket", ticket);
  return url.href;
}

// delay is full jitter: any time up to a bound that doubles with each attempt,
// so that many clients do not come back together.
export function delay(attempt, random = Math.random) {
  return random() * Math.min(most, base * 2 ** attempt);
}

// after says what the end of a connection that had been open means: whether to
// come back, after which attempt, and why in words.
export function after(code, reason, attempt) {
  switch (code) {
    case 1000:
      return { stop: true, why: reason || "The server has ended the connection." };
    case 1008:
      return { stop: true, why: reason || "The server has refused this connection." };
    case 1012: // service restart: the server has spread its goodbyes already
      return { attempt: 0, why: "The server is restarting." };
    case 1013: // try again later
      return { attempt: Math.max(attempt, 3), why: reason || "The server is busy." };
  }
  return { attempt, why: reason || "The connection was lost." };
}

// explain asks the same address in plain HTTP why it would not switch: a script
// is not told what a refused handshake was answered with. The answer has why, and
// it may have wait (milliseconds), stop (it would be in vain to try again) and
// locked (a token is wanted).
export async function explain(path) {
  let response, text;
  try {
    response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    text = await response.text();
  } catch {
    return { why: "The server cannot be reached." };
  }
  if (response.status !== 426) return refusal(response, text);
  // Nothing but the missing Upgrade was wrong with this request, up to the
  // credentials, which are looked at last.
  if (!hasToken()) {
    const asked = await ticketFor(path);
    if (asked.locked || asked.why) return asked;
  }
  return { why: "The server answers, but this connection to it could not be switched." };
}

// A Socket sends and receives JSON in text messages, and binary messages as
// ArrayBuffer. It dispatches "state" (detail: state, why, until) and "message"
// (detail: the decoded message, or the ArrayBuffer). The states:
//   connecting  a handshake is under way
//   open        messages can be sent
//   waiting     for the next attempt, at the time until
//   locked      the server wants a token: useToken of token.js, then open
//   stopped     closed by us (why is empty), or for good by the server
export class Socket extends EventTarget {
  #path; #protocol; #raw; #ws = null; #timer = 0; #attempt = 0;
  #turn = 0; // counts what makes an answer that was waited for come too late
  state = "stopped";

  // raw leaves text messages as they are, strings.
  constructor(path, protocol = [], { raw = false } = {}) {
    super();
    this.#path = path;
    this.#protocol = protocol;
    this.#raw = raw;
    addEventListener("online", () => { if (this.state === "waiting") this.open(); });
  }

  // open connects now, whatever was waited for.
  async open() {
    if (this.state === "open" || this.state === "connecting") return;
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    this.#enter("connecting");
    const { ticket, ...refused } = hasToken() ? await ticketFor(this.#path) : {};
    if (turn !== this.#turn) return;
    if (refused.why || refused.locked) return this.#rest(refused);
    this.#dial(turn, socketURL(this.#path, ticket));
  }

  #dial(turn, url) {
    const ws = new WebSocket(url, this.#protocol);
    ws.binaryType = "arraybuffer";
    this.#ws = ws;
    let opened = false;
    let timer = setTimeout(() => ws.close(), connectWithin);
    ws.onopen = () => {
      if (turn !== this.#turn) return;
      opened = true;
      clearTimeout(timer);
      timer = setTimeout(() => this.settled(), settledAfter);
      this.#enter("open");
    };
    ws.onmessage = ({ data }) => {
      if (turn !== this.#turn) return;
      const detail = this.#raw || typeof data !== "string" ? data : JSON.parse(data);
      this.dispatchEvent(new CustomEvent("message", { detail }));
    };
    ws.onclose = async ({ code, reason }) => {
      clearTimeout(timer);
      if (turn !== this.#turn) return;
      const next = opened ? after(code, reason, this.#attempt) : await explain(this.#path);
      if (turn === this.#turn) this.#rest(next);
    };
  }

  // settled tells that the connection is good: the next failure is the first.
  // One that has been open for ten seconds is.
  settled() { this.#attempt = 0; }

  // send reports whether the message was handed to an open connection. A buffer,
  // or with raw a string, goes as it is.
  send(message) {
    if (this.state !== "open" || this.#ws.readyState !== WebSocket.OPEN) return false;
    const asItIs = message instanceof ArrayBuffer || ArrayBuffer.isView(message) || this.#raw;
    this.#ws.send(asItIs ? message : JSON.stringify(message));
    return true;
  }

  // close ends the connection for good.
  close() {
    clearTimeout(this.#timer);
    this.#turn++;
    this.#ws?.close(1000);
    this.#ws = null;
    this.#enter("stopped");
  }

  #rest({ stop, locked, why, wait = 0, attempt = this.#attempt }) {
    this.#ws = null;
    if (locked) return this.#enter("locked", why);
    if (stop) return this.#enter("stopped", why);
    const pause = Math.min(wait, 60_000) + delay(attempt);
    this.#attempt = attempt + 1;
    this.#timer = setTimeout(() => this.open(), pause);
    this.#enter("waiting", why, Date.now() + pause);
  }

  #enter(state, why = "", until = 0) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, why, until } }));
  }
}
