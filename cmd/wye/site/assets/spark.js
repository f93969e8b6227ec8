// A spark line: the last prices of a symbol, and where the market opened.

const ns = "http://www.w3.org/2000/svg";
const width = 120, height = 32, inset = 3;

function shape(name, className) {
  const element = document.createElementNS(ns, name);
  element.setAttribute("class", className);
  return element;
}

export class Spark {
  #most; #prices = []; #open = 0;
  #line = shape("polyline", "course");
  #base = shape("line", "base");
  #end = shape("path", "end"); // a dot: a line of no length with round ends
  element = shape("svg", "spark");

  // most is how many prices are kept.
  constructor(most) {
    this.#most = most;
    this.element.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.element.setAttribute("preserveAspectRatio", "none"); // as wide as there is room
    this.element.setAttribute("aria-hidden", "true"); // the numbers beside it say more
    this.#base.setAttribute("x1", 0);
    this.#base.setAttribute("x2", width);
    this.element.append(this.#base, this.#line, this.#end);
  }

  reset(prices, open) {
    this.#prices = prices.slice(-this.#most);
    this.#open = open;
  }

  push(price) {
    this.#prices.push(price);
    if (this.#prices.length > this.#most) this.#prices.shift();
  }

  draw() {
    const points = course(this.#prices, this.#most);
    const [x, y] = points.at(-1) ?? [0, height / 2];
    this.#line.setAttribute("points", points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
    this.#end.setAttribute("d", `M${x.toFixed(1)},${y.toFixed(1)}h0`);
    const base = level(this.#open, ...range(this.#prices));
    this.#base.setAttribute("visibility", base >= 0 && base <= height ? "visible" : "hidden");
    this.#base.setAttribute("y1", base.toFixed(1));
    this.#base.setAttribute("y2", base.toFixed(1));
  }
}

// range is the lowest and the highest of prices, apart.
function range(prices) {
  const low = Math.min(...prices), high = Math.max(...prices);
  return low === high ? [low - 1, high + 1] : [low, high];
}

// level is the height at which a price is drawn.
function level(price, low, high) {
  return inset + (height - 2 * inset) * (high - price) / (high - low);
}

// course is where prices are drawn: the newest at the right edge.
export function course(prices, most) {
  const [low, high] = range(prices);
  const step = (width - 2 * inset) / (most - 1);
  return prices.map((price, i) => [width - inset - step * (prices.length - 1 - i), level(price, low, high)]);
}
