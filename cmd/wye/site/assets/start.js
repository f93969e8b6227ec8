// The start page: a line to copy per endpoint and tool, and an echo to try.
import { Socket } from "./socket.js";
import { follow } from "./status.js";

const byID = (id) => document.getElementById(id);

// One tool's lines at a time; without this script all of them show.
const tools = [...new Set([...document.querySelectorAll(".line")].map((line) => line.dataset.tool))];
const remembered = localStorage.getItem("tool");

function choose(tool) {
  localStorage.setItem("tool", tool);
  for (const button of byID("tools").children) {
    button.setAttribute("aria-pressed", String(button.textContent === tool));
  }
  for (const endpoint of document.querySelectorAll(".endpoint")) {
    const lines = [...endpoint.querySelectorAll(".line")];
    const shown = lines.find((line) => line.dataset.tool === tool) ?? lines[0];
    for (const line of lines) {
      line.hidden = line !== shown;
      line.querySelector("figcaption").hidden = line.dataset.tool === tool;
    }
  }
}

const offered = tools.slice(0, 4);
for (const tool of offered) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = tool;
  button.addEventListener("click", () => choose(tool));
  byID("tools").append(button);
}
byID("tools").hidden = false;
choose(offered.includes(remembered) ? remembered : tools[0]);

for (const button of document.querySelectorAll(".copy")) {
  const code = button.parentElement.querySelector("code");
  const words = button.firstChild;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      words.data = "Copied";
    } catch { // not allowed here, such as over plain HTTP from elsewhere
      getSelection().selectAllChildren(code);
      words.data = "Selected";
    }
    setTimeout(() => { words.data = "Copy"; }, 1600);
  });
}

// The echo connects with the first message, not for every visitor, and not by
// itself again.
const socket = new Socket("/echo", [], { raw: true });
const waiting = []; // what was not echoed yet

socket.addEventListener("state", ({ detail: { state, why } }) => {
  if (state === "open") waiting.forEach(transmit);
  if (state === "waiting") {
    socket.close();
    problem(why);
  } else if (state === "stopped") {
    for (const pair of waiting.splice(0)) pair.row.lastChild.textContent = "lost";
    if (why) problem(why);
  }
});

socket.addEventListener("message", ({ detail }) => {
  const pair = waiting.shift();
  const took = performance.now() - pair.sent;
  pair.row.classList.remove("waiting");
  pair.row.firstChild.textContent = detail;
  pair.row.lastChild.textContent = `${took.toFixed(1)} ms`;
});

function transmit(pair) {
  pair.sent = performance.now();
  socket.send(pair.text);
}

function problem(text) {
  byID("try-problem").textContent = text;
  byID("try-problem").hidden = !text;
}

byID("try").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byID("try-text").value || byID("try-text").placeholder;
  byID("try-text").value = "";
  const row = document.createElement("li");
  row.className = "pair waiting";
  row.append(document.createElement("span"), document.createElement("span"));
  row.firstChild.textContent = text;
  const log = byID("try-log");
  log.querySelector(".hint")?.remove();
  log.append(row);
  while (log.children.length > 6) log.firstChild.remove();
  problem("");
  const pair = { text, row, sent: 0 };
  waiting.push(pair);
  if (socket.state === "open") return transmit(pair);
  follow(socket);
  socket.open();
});
