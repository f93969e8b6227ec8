// A WebSocket that comes back. It resends nothing: what to say again is for
// its user to know.

const base = 500;
const most = 30_000;
const connectWithin = 10_000;

// socketURL is the address of a path of this server.
export function socketURL(path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${path}`;
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
// is not told what a refused handshake was answered with.
export async function explain(path) {
  try {
    const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    const text = (await response.text()).trim().slice(0, 300);
    const wait = Number(response.headers.get("Retry-After")) * 1000 || 0;
    if (response.status === 426) {
      return { why: "The server answers, but this connection to it could not be switched." };
    }
    const final = response.status >= 400 && response.status < 500 && ![408, 425, 429].includes(response.status);
    return { why: text || `The server answered ${response.status}.`, wait, stop: final };
  } catch {
    return { why: "The server cannot be reached." };
  }
}

// A Socket sends and receives JSON. It dispatches "state" (detail: state, why,
// until) and "message" (detail: the decoded message). The states:
//   connecting  a handshake is under way
//   open        messages can be sent
//   waiting     for the next attempt, at the time until
//   stopped     closed by us, or for good by the server
export class Socket extends EventTarget {
  #path; #protocol; #ws = null; #timer = 0; #attempt = 0;
  state = "stopped";

  constructor(path, protocol) {
    super();
    this.#path = path;
    this.#protocol = protocol;
    addEventListener("online", () => { if (this.state === "waiting") this.open(); });
  }

  // open connects now, whatever was waited for.
  open() {
    if (this.state === "open" || this.state === "connecting") return;
    clearTimeout(this.#timer);
    this.#enter("connecting");
    const ws = new WebSocket(socketURL(this.#path), this.#protocol);
    this.#ws = ws;
    let opened = false;
    const late = setTimeout(() => ws.close(), connectWithin);
    ws.onopen = () => {
      opened = true;
      clearTimeout(late);
      this.#enter("open");
    };
    ws.onmessage = (event) => {
      if (ws === this.#ws) this.dispatchEvent(new CustomEvent("message", { detail: JSON.parse(event.data) }));
    };
    ws.onclose = async (event) => {
      clearTimeout(late);
      if (ws !== this.#ws) return;
      const next = opened ? after(event.code, event.reason, this.#attempt) : await explain(this.#path);
      if (ws === this.#ws) this.#rest(next);
    };
  }

  // settled tells that the connection is good: the next failure is the first.
  settled() { this.#attempt = 0; }

  // send reports whether the message was handed to an open connection.
  send(message) {
    if (this.state !== "open" || this.#ws.readyState !== WebSocket.OPEN) return false;
    this.#ws.send(JSON.stringify(message));
    return true;
  }

  // close ends the connection for good.
  close() {
    clearTimeout(this.#timer);
    this.#ws?.close(1000);
    this.#ws = null;
    this.#enter("stopped");
  }

  #rest({ stop, why, wait = 0, attempt = this.#attempt }) {
    this.#ws = null;
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
