// The conversation as it is drawn: messages and notices, newest last.

const most = 500; // entries in the document
const together = 5 * 60_000; // messages of one person within this stand together

// face is a name's first letter in a colour of its own.
export function face(name) {
  let hash = 0;
  for (const ch of name) hash = (hash * 31 + ch.codePointAt(0)) >>> 0;
  const element = document.createElement("span");
  element.className = `face hue${hash % 8}`;
  element.setAttribute("aria-hidden", "true");
  element.textContent = [...name][0].toUpperCase();
  return element;
}

export class Log {
  #list; #newer;
  #ids = new Set(); // of the messages drawn, and of the last ones that were
  last = null; // the message drawn last, if no notice came after it

  // newer is the button that shows when there is something below.
  constructor(list, newer) {
    this.#list = list;
    this.#newer = newer;
    newer.addEventListener("click", () => this.toEnd());
    list.addEventListener("scroll", () => { if (this.#atEnd()) newer.hidden = true; });
  }

  has(id) { return this.#ids.has(id); }

  get empty() { return this.#ids.size === 0; }

  message(message, mine) {
    this.#ids.add(message.id);
    if (this.#ids.size > 2 * most) this.#ids.delete(this.#ids.values().next().value);

    const item = document.createElement("li");
    const again = this.last && this.last.from.id === message.from.id && this.last.from.name === message.from.name &&
      new Date(message.time) - new Date(this.last.time) < together;
    item.className = `message${mine ? " mine" : ""}${again ? " again" : ""}`;

    const head = document.createElement("div");
    head.className = "head";
    const name = document.createElement("bdi");
    name.textContent = message.from.name;
    const time = document.createElement("time");
    const at = new Date(message.time);
    time.dateTime = message.time;
    time.title = at.toLocaleString();
    time.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    head.append(name, time);

    const text = document.createElement("div");
    text.className = "text";
    text.textContent = message.text;
    item.append(face(message.from.name), head, text);
    this.#append(item, mine);
    this.last = message;
  }

  notice(text) {
    const item = document.createElement("li");
    item.className = "notice";
    item.textContent = text;
    this.#append(item, false);
    this.last = null;
  }

  clear() {
    this.#list.replaceChildren();
    this.#ids.clear();
    this.#newer.hidden = true;
    this.last = null;
  }

  toEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#newer.hidden = true;
  }

  #atEnd() { return this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 60; }

  #append(item, follow) {
    const atEnd = this.#atEnd();
    this.#list.append(item);
    while (this.#list.children.length > most) this.#list.firstElementChild.remove();
    if (atEnd || follow) this.toEnd();
    else if (item.classList.contains("message")) this.#newer.hidden = false;
  }
}
