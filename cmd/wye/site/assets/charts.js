// The server's metrics as charts: what docs/dashboard.md describes on one side,
// uPlot (uplot.js, which the page loads first) on the other.

const kept = 300; // samples
const gap = 2500; // milliseconds between two samples from which on one is missing

// Samples keeps the last samples and what is drawn of them: each series is a
// list as long as times, with null where there is nothing to draw.
export class Samples {
  #samples = [];

  // add takes samples in the order of their times. One that is here already is
  // left out: a newcomer may get the last one twice. A server that began anew
  // counts from zero, and so do we.
  add(samples) {
    for (const s of samples) {
      const last = this.last;
      if (last && s.time <= last.time) continue;
      this.#samples.push(s);
    }
    if (this.#samples.length > kept) this.#samples = this.#samples.slice(-kept);
  }

  get last() { return this.#samples.at(-1); }

  // rate is how much of(sample) went up a second up to the last sample; null
  // where that is not known.
  rate(of, i = this.#samples.length - 1) {
    const [a, b] = [this.#samples[i - 1], this.#samples[i]];
    if (!a || b.time - a.time > gap || b.uptime < a.uptime) return null;
    return Math.max(0, (of(b) - of(a)) / ((b.time - a.time) / 1000));
  }

  // columns are what uPlot draws: the times, and a list for each series. A gap
  // gets a row of its own, so that no line crosses it.
  columns(series) {
    const columns = [[], ...series.map(() => [])];
    this.#samples.forEach((s, i) => {
      const before = this.#samples[i - 1];
      if (before && s.time - before.time > gap) {
        columns[0].push((before.time + 1) / 1000);
        for (const column of columns.slice(1)) column.push(null);
      }
      columns[0].push(s.time / 1000);
      series.forEach(({ of, rate }, n) => columns[n + 1].push(rate ? this.rate(of, i) : of(s)));
    });
    return columns;
  }
}

const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const scheme = matchMedia("(prefers-color-scheme: dark)");

// binary are steps between ticks of bytes: each has a round label.
const binary = Array.from({ length: 50 }, (_, i) => 2 ** i);

// chart draws series of samples into element and returns what draws them anew.
// A series has: label, of (a sample's number), rate (whether its rise a second
// is meant), colour (a variable of base.css), format (of a number, for people).
export function chart(element, samples, series, { seconds = () => kept, sync = "metrics", height = 132, floor = 1 } = {}) {
  const format = series[0].format;
  const isBytes = format === bytes || format === bytesPerSecond;
  const axis = (more) => ({
    stroke: () => colour("--soft"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
    ...more,
  });
  const width = () => Math.max(120, Math.floor(element.clientWidth));
  const plot = new uPlot({
    width: width(),
    height,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false }, sync: { key: sync }, points: { size: 7 } },
    scales: {
      x: { time: true, range: () => { const end = (samples.last?.time ?? Date.now()) / 1000; return [end - seconds(), end]; } },
      y: { range: (_, low, high) => [0, Math.max(floor, (high ?? 0) * 1.12)] },
    },
    axes: [
      axis({ size: 24, space: 80, grid: { show: false }, values: (_, at) => at.map((t) => new Date(t * 1000).toLocaleTimeString([], clock)) }),
      axis({ size: (_, labels) => 14 + 6 * Math.max(2, ...(labels ?? []).map((l) => l.length)), gap: 4, space: height < 120 ? 22 : 30, ...(isBytes ? { incrs: binary } : {}), values: (_, at) => at.map((v) => format(v, true)) }),
    ],
    series: [{}, ...series.map((s, i) => ({
      label: s.label,
      scale: "y",
      width: 1.75,
      stroke: () => colour(s.colour),
      fill: i === 0 ? () => `color-mix(in srgb, ${colour(s.colour)} 14%, transparent)` : undefined,
      points: { show: false },
    }))],
    hooks: { setCursor: [(u) => point(u)] },
  }, samples.columns(series), element);

  const said = document.createElement("p");
  said.className = "pointed";
  said.setAttribute("aria-live", "polite");
  element.append(said);
  element.tabIndex = 0;
  element.setAttribute("role", "group");

  // point tells the numbers at the cursor.
  function point(u) {
    const i = u.cursor.idx;
    said.replaceChildren();
    if (i == null || u.data[0][i] == null || u.cursor.left < 0) return;
    const parts = [new Date(u.data[0][i] * 1000).toLocaleTimeString([], clock), ...series.map((s, n) => {
      const v = u.data[n + 1][i];
      return v == null ? "" : `${s.label} ${s.format(v)}`;
    })];
    said.textContent = parts.filter(Boolean).join("  ·  ");
  }

  element.addEventListener("keydown", ({ key, shiftKey }) => {
    const times = plot.data[0];
    const from = plot.cursor.idx ?? times.length - 1;
    const to = { ArrowLeft: from - (shiftKey ? 10 : 1), ArrowRight: from + (shiftKey ? 10 : 1), Home: 0, End: times.length - 1 }[key];
    if (key === "Escape") plot.setCursor({ left: -10, top: -10 });
    if (to === undefined || times.length === 0) return;
    const i = Math.min(times.length - 1, Math.max(0, to));
    plot.setCursor({ left: plot.valToPos(times[i], "x"), top: 10 });
  });
  element.addEventListener("blur", () => plot.setCursor({ left: -10, top: -10 }));

  new ResizeObserver(() => { if (width() !== plot.width) plot.setSize({ width: width(), height }); }).observe(element);
  scheme.addEventListener("change", () => plot.redraw(false));
  return () => plot.setData(samples.columns(series));
}

// The numbers, for people.

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (v, axis) => (axis || v >= 100_000 ? short : whole).format(v);

export function perSecond(v, axis) {
  if (v !== 0 && v < 10) return v.toFixed(1).replace(/\.0$/, "");
  return count(v, axis);
}

export function bytes(v) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (v >= 1024 && i < units.length - 1) { v /= 1024; i++; }
  return `${i === 0 || v >= 100 ? Math.round(v) : Number(v.toFixed(1))} ${units[i]}`;
}

export const bytesPerSecond = (v) => `${bytes(v)}/s`;

export function seconds(v) {
  if (v === 0) return "0";
  if (v < 0.001) return `${Math.round(v * 1e6)} µs`;
  if (v < 1) return `${Number((v * 1000).toPrecision(3))} ms`;
  return `${Number(v.toFixed(2))} s`;
}

// span is a long time in two units.
export function span(v) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.floor(v);
  const said = [];
  for (const [unit, size] of parts) {
    if (rest >= size || (unit === "s" && said.length === 0)) said.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  return said.slice(0, 2).join(" ");
}

export const refusals = ({ handshakes }) =>
  Object.entries(handshakes).reduce((sum, [result, n]) => sum + (result === "switched" ? 0 : n), 0);
