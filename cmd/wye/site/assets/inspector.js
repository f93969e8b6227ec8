// The inspector: what docs/inspector.md describes. What peers sent (paths, hosts,
// subprotocols) reaches the document by textContent alone.
import { Socket } from "./socket.js";
import { follow } from "./status.js";
import { hasToken, ticketFor } from "./token.js";
import * as charts from "./charts.js";

const { count, perSecond, bytes, bytesPerSecond, seconds, refusals, span } = charts;
const byID = (id) => document.getElementById(id);
const limit = 50;

const element = (name, className, ...content) => {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.append(...content); // strings become text
  return e;
};

// Totals

const samples = new charts.Samples();
const panels = [
  { id: "open", title: "Connections", series: [
    { label: "open", of: (s) => s.open, colour: "--accent", format: count }] },
  { id: "messages", title: "Messages a second", series: [
    { label: "in", of: (s) => s.received.messages, rate: true, colour: "--accent", format: perSecond },
    { label: "out", of: (s) => s.sent.messages, rate: true, colour: "--branch", format: perSecond }] },
  { id: "bytes", title: "Payload", floor: 1024, series: [
    { label: "in", of: (s) => s.received.bytes, rate: true, colour: "--accent", format: bytesPerSecond },
    { label: "out", of: (s) => s.sent.bytes, rate: true, colour: "--branch", format: bytesPerSecond }] },
  { id: "handshakes", title: "Handshakes a second", series: [
    { label: "switched", of: (s) => s.handshakes.switched, rate: true, colour: "--accent", format: perSecond },
    { label: "refused", of: refusals, rate: true, colour: "--branch", format: perSecond }] },
];
for (const panel of panels) {
  const title = element("h2", "", panel.title);
  title.id = `${panel.id}-title`;
  const numbers = element("dl", "numbers");
  panel.values = panel.series.map((s) => {
    const value = element("dd", "", "–");
    numbers.append(element("div", "", element("dt", `mark-${s.colour.slice(2)}`, s.label), value));
    return value;
  });
  const plot = element("div", "plot");
  plot.setAttribute("aria-label", `${panel.title}, over time: arrow keys tell the numbers`);
  const card = element("section", "card panel", title, numbers, plot);
  card.id = panel.id;
  card.setAttribute("aria-labelledby", title.id);
  byID("panels").append(card);
  panel.draw = charts.chart(plot, samples, panel.series, { floor: panel.floor, height: 96 });
}

const totals = new Socket("/api/live-metrics", "metrics-v1");
totals.addEventListener("message", ({ detail }) => {
  samples.add(detail.type === "history" ? detail.samples : [detail]);
  const s = samples.last;
  if (!s) return;
  for (const panel of panels) {
    panel.series.forEach((series, i) => {
      const v = series.rate ? samples.rate(series.of) : series.of(s);
      panel.values[i].textContent = v === null ? "–" : series.format(v);
    });
    panel.draw();
  }
});

// Connections

let page = { total: 0, matched: 0, offset: 0, connections: [] };
let offset = 0;
let shown = 0; // the ID of the connection whose detail is open

const socket = new Socket("/inspect/live", "inspect-v1");
follow(socket);
socket.addEventListener("state", ({ detail }) => {
  document.querySelector(".inspector").classList.toggle("stale", detail.state !== "open");
  if (detail.state !== "open") return;
  totals.open();
  ask();
});
socket.addEventListener("message", ({ detail }) => {
  if (detail.type === "connections") showPage(detail);
  if (detail.type === "refusals") showRefusals(detail);
});

function ask() { socket.send({ q: byID("q").value.trim(), sort: byID("sort").value, offset, limit }); }

let typing = 0;
function search() {
  offset = 0;
  clearTimeout(typing);
  typing = setTimeout(ask, 150);
}
byID("q").addEventListener("input", search);
byID("sort").addEventListener("change", search);
byID("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
byID("before").addEventListener("click", () => turn(-limit));
byID("after").addEventListener("click", () => turn(limit));
function turn(by) {
  offset = Math.max(0, page.offset + by);
  ask();
}

function showPage(fresh) {
  page = fresh;
  offset = page.offset;
  const { total, matched, connections } = page;
  byID("matched").textContent = matched === total ? `${count(total)} open` : `${count(matched)} of ${count(total)} open`;
  keepFocus(() => byID("connections").replaceChildren(...connections.map(row)));
  byID("none").hidden = connections.length > 0;
  byID("none").textContent = total === 0 ? "No connection is open." : "No connection matches.";
  byID("pages").hidden = matched <= limit;
  byID("where").textContent = `${count(offset + 1)} to ${count(offset + connections.length)} of ${count(matched)}`;
  byID("before").disabled = offset === 0;
  byID("after").disabled = offset + connections.length >= matched;
  const open = connections.find((c) => c.id === shown);
  if (open && byID("detail").open) showFacts(open);
}

const inMessages = (n) => `${count(n)} ${n === 1 ? "message" : "messages"}`;

// keepFocus lets rebuild replace rows: the button that has the focus gets it
// back, if its connection is still there.
function keepFocus(rebuild) {
  const id = document.activeElement?.dataset?.id;
  rebuild();
  if (id) byID("connections").querySelector(`button[data-id="${Number(id)}"]`)?.focus({ preventScroll: true });
}

function row(c) {
  const number = (label, value, more) => {
    const cell = element("td", "number", value);
    cell.dataset.label = label;
    if (more) cell.append(element("small", "", more));
    return cell;
  };
  const path = element("td", "", element("code", "", c.path));
  if (c.principal) path.append(element("div", "who", c.principal));
  const protocol = element("td", "", element("span", "tag", c.carrier), c.token);
  const more = [c.subprotocol, c.extensions.split(";")[0]].filter(Boolean).join(", ");
  if (more) protocol.append(element("small", "", more));
  const button = element("button", "button quiet small", "Details");
  button.type = "button";
  button.dataset.id = c.id;
  button.setAttribute("aria-label", `Details of connection ${c.id}, ${c.path}`);
  button.addEventListener("click", () => showDetail(c));
  const messages = ({ messages }) => (c.token === "websocket" ? inMessages(messages) : "");
  const tr = element("tr", "", path, element("td", "client", c.client), protocol,
    number("Age", span(c.age)), number("Round trip", c.rtt ? seconds(c.rtt) : "–"),
    number("Received", bytes(c.received.bytes), messages(c.received)),
    number("Sent", bytes(c.sent.bytes), messages(c.sent)),
    number("Queue", bytes(c.queue)), element("td", "more", button));
  tr.dataset.id = c.id;
  return tr;
}

// One connection

function showDetail(c) {
  shown = c.id;
  byID("detail-title").textContent = c.path;
  byID("end").hidden = false;
  byID("ended").hidden = true;
  byID("end-why").hidden = true;
  byID("end-button").disabled = false;
  byID("code").disabled = byID("reason").disabled = c.token !== "websocket";
  showFacts(c);
  byID("detail").showModal();
}

function showFacts(c) {
  const facts = {
    Connection: `${c.id}, since ${new Date(c.opened).toLocaleString()}`,
    Age: span(c.age),
    Endpoint: c.endpoint,
    Carrier: { h1: "h1, HTTP/1.1", h2: "h2, HTTP/2", h3: "h3, HTTP/3" }[c.carrier] ?? c.carrier,
    Token: c.token,
    Subprotocol: c.subprotocol || "none",
    Extensions: c.extensions || "none",
    Principal: c.principal || "nobody was asked",
    Client: c.client,
    "Round trip": c.rtt ? seconds(c.rtt) : "not known yet",
    Received: `${bytes(c.received.bytes)} in ${inMessages(c.received.messages)}`,
    Sent: `${bytes(c.sent.bytes)} in ${inMessages(c.sent.messages)}`,
    Queue: bytes(c.queue),
  };
  if (c.token !== "websocket") {
    facts.Received = bytes(c.received.bytes);
    facts.Sent = bytes(c.sent.bytes);
  }
  byID("facts").replaceChildren(...Object.entries(facts).flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
}

byID("detail-close").addEventListener("click", () => byID("detail").close());
byID("detail").addEventListener("close", () => { shown = 0; });

byID("end").addEventListener("submit", async (event) => {
  event.preventDefault();
  byID("end-button").disabled = true;
  const id = shown;
  const why = await end(id, Number(byID("code").value), byID("reason").value.trim());
  if (id !== shown) return;
  byID("end-button").disabled = false;
  byID("end-why").textContent = why;
  byID("end-why").hidden = !why;
  byID("end").hidden = !why;
  byID("ended").hidden = Boolean(why);
  byID("ended").textContent = "The connection is closed.";
});

// end closes a connection. It returns why that failed, or "".
async function end(id, code, reason) {
  let path = `/inspect/connections/${id}/close`;
  if (hasToken()) {
    const { ticket, why = "The server wants a token." } = await ticketFor(path);
    if (!ticket) return why;
    path += `?ticket=${encodeURIComponent(ticket)}`;
  }
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code, reason }),
      signal: AbortSignal.timeout(20_000),
    });
    return response.ok ? "" : (await response.text()).trim() || `The server answered ${response.status}.`;
  } catch {
    return "The server cannot be reached.";
  }
}

// Refusals

function showRefusals({ total, refusals: list }) {
  byID("refused").textContent = total > list.length ? `the last ${list.length} of ${count(total)}` : total > 0 ? `${count(total)} since the start` : "";
  byID("no-refusals").hidden = list.length > 0;
  byID("refusals").replaceChildren(...list.map((r) => {
    const path = element("td", "", element("code", "", r.path));
    const asked = [r.carrier, r.token, r.host && `Host ${r.host}`, r.origin && `Origin ${r.origin}`].filter(Boolean).join(", ");
    path.append(element("small", "", asked));
    const time = element("time", "", new Date(r.time).toLocaleTimeString([], { hourCycle: "h23" }));
    time.dateTime = new Date(r.time).toISOString();
    return element("tr", "", element("td", "status", r.status ? String(r.status) : "–"), path,
      element("td", "", r.reason), element("td", "client", r.client), element("td", "number", time));
  }));
}

socket.open();
