// The ticker page: the messages of docs/ticker.md on one side, a table on the
// other.
import { Socket } from "./socket.js";
import { Spark } from "./spark.js";
import { follow } from "./status.js";

const byID = (id) => document.getElementById(id);
const kept = 60; // prices of a spark line

// A tab may have so many ticks that it has not acknowledged. It acknowledges
// what it has drawn: one that does not draw, because it is hidden or busy, is
// sent less after a while. One that is slowed down acknowledges late.
const usual = { window: 500, every: 200 };
const slowed = { window: 4, every: 1000 };

const rows = new Map(); // by symbol, those that are followed
const companies = new Map(); // by symbol, with their names
let followed = new Set(initial());
let pace = usual;
let handled = 0; // ticks of this connection
let acknowledged = 0; // of these
let received = 0, conflated = 0, lost = 0; // ticks of this page
let recent = []; // when the last ticks came
const began = performance.now();

function initial() {
  const asked = new URLSearchParams(location.search).get("symbols") ?? localStorage.getItem("symbols");
  return asked === null ? ["ACME", "DFLT", "NONC", "PONG", "QUIC", "SPLC", "UPGD", "WIRE"] : asked.split(",").filter(Boolean);
}

// The connection

const socket = new Socket("/api/stocks/stream?symbols=", "ticker-v1");

socket.addEventListener("state", ({ detail: { state } }) => {
  byID("rows").classList.toggle("stale", state !== "open");
  if (state === "open") handled = acknowledged = 0;
});

socket.addEventListener("message", ({ detail }) => handlers[detail.type]?.(detail));

const handlers = {
  market({ symbols }) {
    socket.settled();
    companies.clear();
    for (const { symbol, name } of symbols) companies.set(symbol, name);
    followed = new Set([...followed].filter((symbol) => companies.has(symbol)));
    drawChoice();
    socket.send({ window: pace.window, subscribe: [...followed] });
  },

  quote(quote) {
    if (!followed.has(quote.symbol)) return;
    if (!rows.has(quote.symbol)) addRow(quote);
    const row = rows.get(quote.symbol);
    row.spark.reset(quote.prices, quote.open);
    row.open = quote.open;
    row.last = quote;
    row.dirty = true;
    frame();
  },

  tick(tick) {
    handled++;
    frame(); // to acknowledge it, whatever it is
    const row = rows.get(tick.symbol);
    if (!row) return; // it was under way when the symbol was left
    const gaveWay = tick.conflated ?? 0;
    received++;
    conflated += gaveWay;
    lost += tick.seq - row.last.seq - 1 - gaveWay;
    recent.push(performance.now());
    row.held += gaveWay;
    row.direction = Math.sign(tick.price - row.last.price);
    row.flash = true;
    row.last = tick;
    row.spark.push(tick.price);
    row.dirty = true;
  },

  error({ text }) { problem(text); },
};

function problem(text) {
  byID("problem").textContent = text;
  byID("problem").hidden = !text;
}

// acknowledge tells what was drawn, at the tab's pace.
let pausing = 0;
function acknowledge() {
  if (pausing || handled === acknowledged) return;
  pausing = setTimeout(() => {
    pausing = 0;
    if (handled > acknowledged && socket.send({ ack: handled })) acknowledged = handled;
  }, pace.every);
}

byID("slow").addEventListener("change", () => {
  pace = byID("slow").checked ? slowed : usual;
  document.body.classList.toggle("slowed", byID("slow").checked);
  clearTimeout(pausing);
  pausing = 0;
  socket.send({ window: pace.window, ack: handled });
  acknowledged = handled;
});

// Drawing: what has changed, once a frame.

let framed = false;
function frame() {
  if (framed) return;
  framed = true;
  requestAnimationFrame(() => {
    framed = false;
    for (const row of rows.values()) if (row.dirty) drawRow(row);
    drawFacts();
    acknowledge();
  });
}

const count = new Intl.NumberFormat("en");
const signed = (n) => `${n < 0 ? "−" : "+"}${Math.abs(n).toFixed(2)}`;

function drawFacts() {
  const now = performance.now();
  while (recent.length && recent[0] < now - 5000) recent.shift();
  byID("received").textContent = count.format(received);
  const seconds = Math.min(5, Math.max(1, (now - began) / 1000));
  byID("rate").textContent = (recent.length / seconds).toFixed(1);
  byID("conflated").textContent = count.format(conflated);
  byID("lost").textContent = count.format(lost);
}

function addRow({ symbol, name }) {
  const element = document.createElement("tr");
  const row = { element, spark: new Spark(kept), held: 0, direction: 0, flash: false, dirty: false, cells: {} };
  element.dataset.symbol = symbol;

  const head = document.createElement("th");
  head.scope = "row";
  head.append(text("span", "symbol", symbol), text("span", "name", name));
  const course = text("td", "course-cell", "");
  course.append(row.spark.element);
  const last = text("td", "number last", "");
  row.cells.arrow = text("span", "arrow", "");
  row.cells.price = text("span", "price", "");
  last.append(row.cells.arrow, row.cells.price);
  row.cells.change = text("td", "number wide change", "");
  row.cells.percent = text("td", "number percent", "");
  row.cells.volume = text("td", "number wide volume", "");
  row.cells.held = text("td", "number held", "");
  const end = text("td", "wide end", "");
  const button = text("button", "leave", "×");
  button.type = "button";
  button.setAttribute("aria-label", `Stop following ${symbol}`);
  button.addEventListener("click", () => {
    const next = element.nextElementSibling ?? element.previousElementSibling;
    choose([symbol], false);
    (next?.querySelector(".leave") ?? byID("search")).focus();
  });
  end.append(button);
  element.append(head, course, last, row.cells.change, row.cells.percent, row.cells.volume, row.cells.held, end);

  rows.set(symbol, row);
  const after = [...byID("rows").children].find((other) => other.dataset.symbol > symbol);
  byID("rows").insertBefore(element, after ?? null);
  byID("empty").hidden = true;
}

function text(tag, className, content) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = content;
  return element;
}

function drawRow(row) {
  const { last, open, cells, element } = row;
  const change = last.price - open;
  row.dirty = false;
  row.spark.draw();
  cells.price.textContent = last.price.toFixed(2);
  cells.change.textContent = signed(change);
  cells.percent.textContent = `${signed(100 * change / open)} %`;
  cells.volume.textContent = count.format(last.volume);
  cells.held.textContent = row.held ? count.format(row.held) : "";
  element.dataset.seq = last.seq;
  element.classList.toggle("gain", change >= 0);
  element.classList.toggle("loss", change < 0);
  if (!row.flash) return;
  row.flash = false;
  cells.arrow.textContent = row.direction > 0 ? "▲" : row.direction < 0 ? "▼" : "";
  // Two names for each animation: a change of the name begins it anew.
  const beat = cells.price.dataset.flash?.endsWith("1") ? "0" : "1";
  const way = row.direction > 0 ? "up" : row.direction < 0 ? "down" : "same";
  cells.price.dataset.flash = way + beat;
  cells.arrow.dataset.way = way;
}

// The choice

function choose(symbols, on) {
  const changed = symbols.filter((symbol) => followed.has(symbol) !== on);
  if (changed.length === 0) return;
  for (const symbol of changed) {
    if (on) followed.add(symbol);
    else followed.delete(symbol);
    if (!on) {
      rows.get(symbol)?.element.remove();
      rows.delete(symbol);
    }
  }
  problem("");
  socket.send(on ? { subscribe: changed } : { unsubscribe: changed });
  const list = [...followed].sort().join(",");
  localStorage.setItem("symbols", list);
  history.replaceState(null, "", `?symbols=${list}`);
  drawChosen();
}

function drawChoice() {
  if (byID("symbols").children.length === companies.size) return drawChosen();
  byID("symbols").replaceChildren(...[...companies].map(([symbol, name]) => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = symbol;
    box.addEventListener("change", () => choose([symbol], box.checked));
    label.append(box, text("span", "symbol", symbol), text("span", "name", name));
    return label;
  }));
  drawChosen();
}

function drawChosen() {
  for (const box of boxes()) box.checked = followed.has(box.value);
  byID("chosen").textContent = `${followed.size} of ${companies.size}`;
  byID("empty").hidden = followed.size > 0;
  filter();
}

const boxes = () => [...byID("symbols").querySelectorAll("input")];
const matches = () => boxes().filter((box) => !box.parentElement.hidden);

function filter() {
  const words = byID("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const box of boxes()) {
    const about = box.parentElement.textContent.toLowerCase();
    box.parentElement.hidden = !words.every((word) => about.includes(word));
  }
  byID("nothing").hidden = matches().length > 0;
  rove(matches()[0]);
}

// rove makes box the one that Tab leads to: the arrows lead to the others.
function rove(box) {
  for (const other of boxes()) other.tabIndex = other === box ? 0 : -1;
}

byID("search").addEventListener("input", filter);
byID("search").addEventListener("keydown", (event) => {
  const first = matches()[0];
  if (event.key === "Enter" && byID("search").value && first) {
    choose([first.value], !followed.has(first.value));
    byID("search").select();
  } else if (event.key === "ArrowDown" && first) {
    rove(first);
    first.focus();
  } else {
    return;
  }
  event.preventDefault();
});

byID("symbols").addEventListener("keydown", (event) => {
  const there = matches();
  const at = there.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: there.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  if (to < 0) return byID("search").focus();
  const box = there[Math.min(to, there.length - 1)];
  rove(box);
  box.focus();
});

// A slash leads to the search from anywhere that it cannot be typed.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=checkbox]), textarea") || byID("token").open) return;
  event.preventDefault();
  expand(true);
  byID("search").focus();
});

byID("all").addEventListener("click", () => choose([...companies.keys()], true));
byID("none").addEventListener("click", () => choose([...companies.keys()], false));

// On a phone the list is folded away.
function expand(open) {
  byID("choose").classList.toggle("open", open);
  byID("choose-toggle").setAttribute("aria-expanded", String(open));
}
byID("choose-toggle").addEventListener("click", () => expand(!byID("choose").classList.contains("open")));

setInterval(drawFacts, 1000); // the rate falls where nothing comes
follow(socket);
socket.open();
