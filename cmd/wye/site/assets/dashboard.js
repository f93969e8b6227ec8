// The dashboard: /api/live-metrics as numbers and charts.
import { Socket } from "./socket.js";
import { follow } from "./status.js";
import * as charts from "./charts.js";

const byID = (id) => document.getElementById(id);
const samples = new charts.Samples();
let windowSeconds = 300;

const { count, perSecond, bytes, bytesPerSecond, seconds, refusals } = charts;

// The panels: a title, and series of which the first one's number is the large
// one. now, if it is there, is the number that shows; else it is the last drawn.
const panels = [
  { id: "connections", title: "Connections", series: [
    { label: "open", of: (s) => s.open, colour: "--accent", format: count }] },
  { id: "messages", title: "Messages a second", series: [
    { label: "received", of: (s) => s.received.messages, rate: true, colour: "--accent", format: perSecond },
    { label: "sent", of: (s) => s.sent.messages, rate: true, colour: "--branch", format: perSecond }] },
  { id: "bytes", title: "Payload", floor: 1024, series: [
    { label: "received", of: (s) => s.received.bytes, rate: true, colour: "--accent", format: bytesPerSecond },
    { label: "sent", of: (s) => s.sent.bytes, rate: true, colour: "--branch", format: bytesPerSecond }] },
  { id: "handshakes", title: "Handshakes a second", series: [
    { label: "switched", of: (s) => s.handshakes.switched, rate: true, colour: "--accent", format: perSecond },
    { label: "refused", of: refusals, rate: true, colour: "--branch", format: perSecond }] },
  { id: "rtt", title: "Round-trip times", floor: 0.001, series: [
    { label: "median", of: (s) => s.rtt.known ? s.rtt.median : null, colour: "--accent", format: seconds },
    { label: "95th percentile", of: (s) => s.rtt.known ? s.rtt.p95 : null, colour: "--branch", format: seconds }] },
  { id: "queue", title: "Waiting to be sent", floor: 1024, series: [
    { label: "in write queues", of: (s) => s.queue, colour: "--accent", format: bytes }] },
  { id: "heap", title: "Memory", floor: 1 << 20, series: [
    { label: "heap", of: (s) => s.heap, colour: "--accent", format: bytes },
    { label: "from the system", of: (s) => s.memory, colour: "--branch", format: bytes }] },
  { id: "goroutines", title: "Goroutines", series: [
    { label: "running or waiting", of: (s) => s.goroutines, colour: "--accent", format: count }] },
  { id: "gc", title: "Garbage collection", floor: 0.0002, series: [
    { label: "longest pause", of: (s) => s.gc.maxPause, colour: "--accent", format: seconds }] },
];

const element = (name, className, text) => {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
};

for (const panel of panels) {
  const card = element("section", "card panel");
  card.id = panel.id;
  const title = element("h2", "", panel.title);
  title.id = `${panel.id}-title`;
  card.setAttribute("aria-labelledby", title.id);
  const numbers = element("dl", "numbers");
  panel.values = panel.series.map((s) => {
    const row = element("div");
    const value = element("dd", "", "–");
    const label = element("dt", `mark-${s.colour.slice(2)}`, s.label);
    row.append(label, value);
    numbers.append(row);
    return value;
  });
  const plot = element("div", "plot");
  plot.setAttribute("aria-label", `${panel.title}, over time: arrow keys tell the numbers`);
  card.append(title, numbers, plot);
  byID("panels").append(card);
  panel.draw = charts.chart(plot, samples, panel.series, { seconds: () => windowSeconds, floor: panel.floor });
}

// show tells the last sample in numbers, and draws all of them.
function show() {
  const s = samples.last;
  if (!s) return;
  for (const panel of panels) {
    panel.series.forEach((series, i) => {
      const v = series.rate ? samples.rate(series.of) : series.of(s);
      panel.values[i].dataset.value = v ?? "";
      panel.values[i].dataset.total = series.of(s) ?? "";
      panel.values[i].textContent = v === null ? "–" : series.format(v);
    });
    panel.draw();
  }
  const total = (n, what) => `${count(n)} ${what}`;
  byID("summary").textContent = `Up for ${charts.span(s.uptime)}: ${total(s.handshakes.switched, "connections switched")}, ${total(refusals(s), "refused")}, ${total(s.received.messages, "messages received")} and ${total(s.sent.messages, "sent")}.`;
  byID("kinds").replaceChildren(...s.connections.map((k) => {
    const row = element("tr");
    const endpoint = element("td");
    endpoint.append(element("code", "", k.endpoint));
    row.append(endpoint, element("td", "", k.token), element("td", "", k.carrier), element("td", "number", count(k.open)));
    return row;
  }));
  document.body.dataset.time = s.time;
}

for (const button of byID("window").children) {
  button.addEventListener("click", () => {
    windowSeconds = Number(button.dataset.seconds);
    for (const other of byID("window").children) other.setAttribute("aria-pressed", String(other === button));
    show();
  });
}

const socket = new Socket("/api/live-metrics", "metrics-v1");
follow(socket);
socket.addEventListener("message", ({ detail }) => {
  if (detail.type === "history") {
    samples.add(detail.samples);
    if (detail.node) document.querySelector("h1").textContent = `Server ${detail.node}, live`;
  } else if (detail.type === "sample") samples.add([detail]);
  show();
});
socket.addEventListener("state", ({ detail }) => {
  document.querySelector(".board").classList.toggle("stale", detail.state !== "open" && samples.last !== undefined);
});
socket.open();
