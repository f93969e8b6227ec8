// The game page: the messages of docs/game.md on one side, the document on the
// other. What peers wrote reaches the document by textContent alone.
import { play, rate } from "./game-arena.js";
import { join, leave, maxInputs, read, version } from "./game-codec.js";
import { Controls } from "./game-controls.js";
import { Play, tickTime } from "./game-play.js";
import { View } from "./game-view.js";
import { Socket } from "./socket.js";
import { follow } from "./status.js";

const byID = (id) => document.getElementById(id);
const seenEvery = 10; // states, for who does not play

const game = new Play();
const view = new View(byID("canvas"));
let socket = null;
let session = "";
let wanted = ""; // the name to play under; empty: to watch
let asked = false; // whether a slot was asked for and has not come yet
let seated = false;
let states = 0; // since the last message that told what was seen
const own = { fresh: 0 };

// What tests and the curious look at: docs/game.md.
globalThis.game = {
  get tick() { return game.state.tick; },
  get slot() { return game.slot; },
  get corrected() { return game.corrected; },
  get body() { return game.predicted?.body ?? null; },
  at: (tick) => game.at(tick) ?? null,
};

// Coming and going

const params = new URLSearchParams(location.search);
byID("session").value = params.get("session") || "lobby";
byID("name").value = sessionStorage.getItem("name") || localStorage.getItem("name") || anyName();
byID("name").select();

// anyName is for who wants to play rather than to think of one.
function anyName() {
  const of = (words) => words[Math.trunc(Math.random() * words.length)];
  const how = of(["Swift", "Bold", "Merry", "Sly", "Lucky", "Tidy", "Jolly", "Keen"]);
  return `${how} ${of(["Otter", "Heron", "Badger", "Lynx", "Magpie", "Gecko", "Hare", "Newt"])}`;
}

byID("join").addEventListener("submit", (event) => {
  event.preventDefault();
  wanted = byID("name").value.trim();
  problem("");
  if (byID("session").value.trim() !== session) return watch(byID("session").value.trim());
  ask();
});

byID("leave").addEventListener("click", () => {
  socket?.send(leave());
  showEntrance();
});

// watch opens a session. Who has said a name plays in it.
function watch(name) {
  session = name;
  seated = false;
  game.hello(0);
  const old = socket;
  const mine = new Socket(`/game/session/${encodeURIComponent(session)}`, "game-state-sync");
  mine.addEventListener("state", ({ detail }) => mine === socket && onState(detail));
  mine.addEventListener("message", ({ detail }) => mine === socket && onMessage(detail));
  socket = mine;
  follow(socket);
  old?.close();
  history.replaceState(null, "", `?session=${encodeURIComponent(session)}`);
  byID("share").textContent = `${location.host}/game.html?session=${encodeURIComponent(session)}`;
  socket.open();
}

function ask() {
  asked = socket.send(join(wanted));
  byID("play").disabled = asked;
}

function showEntrance(why = "") {
  wanted = "";
  asked = false;
  seated = false;
  byID("play").disabled = false;
  byID("entrance").hidden = false;
  byID("leave").hidden = true;
  document.body.classList.remove("playing");
  problem(why);
  byID("name").focus({ preventScroll: true });
}

function showPlay() {
  asked = false;
  seated = true;
  own.fresh = performance.now() + 4000;
  sessionStorage.setItem("name", wanted);
  localStorage.setItem("name", wanted);
  byID("play").disabled = false;
  byID("entrance").hidden = true;
  byID("leave").hidden = false;
  document.body.classList.add("playing");
  byID("arena").focus({ preventScroll: true });
}

function problem(text) {
  byID("join-problem").textContent = text;
  byID("join-problem").hidden = !text;
}

// The connection

function onState({ state, why }) {
  if (state === "open") return;
  game.hello(0);
  seated = false;
  byID("play").disabled = state === "connecting" && asked;
  if (state === "stopped" && why && !byID("entrance").hidden) problem(why);
}

function onMessage(buffer) {
  const message = read(buffer, game.state);
  switch (message.type) {
    case "hello":
      if (message.version !== version) {
        socket.close();
        return showEntrance("The server has a newer game: load the page again.");
      }
      game.hello(message.member);
      if (wanted) ask();
      return;
    case "refusal":
      return showEntrance(message.text);
    case "state":
      return onGame(message);
  }
}

function onGame({ state, whole }) {
  const before = game.state;
  game.receive(state, whole, performance.now());
  if (game.mine && !seated && wanted) showPlay();
  if (!game.mine && seated) showEntrance("You were away, and your place was given back.");
  if (!game.mine && asked && state.players.every(({ kind }) => kind === 1)) {
    showEntrance("All places are taken: you can watch until one is free.");
  }
  if (++states >= seenEvery) {
    socket.send(game.seen());
    states = 0;
  }
  if (state.tick % 3 === 0 || whole) showScores(state);
  if (before.phase !== state.phase || before.round !== state.round || whole) showRound(state);
  showClock(state);
}

// What the document shows

const rows = new Map(); // by slot

function showScores(state) {
  const painted = new Array(state.players.length + 1).fill(0);
  for (const slot of state.tiles) painted[slot]++;
  const list = state.players
    .map((player, i) => ({ ...player, slot: i + 1, share: Math.round(painted[i + 1] / state.tiles.length * 100), painted: painted[i + 1] }))
    .filter(({ kind }) => kind !== 0)
    .sort((a, b) => b.painted - a.painted || a.slot - b.slot);
  for (const [slot, row] of rows) {
    if (list.some((player) => player.slot === slot)) continue;
    row.item.remove();
    rows.delete(slot);
  }
  list.forEach((player, place) => {
    const row = rows.get(player.slot) ?? newRow(player.slot);
    set(row.name, player.name);
    set(row.share, `${player.share} %`);
    set(row.note, player.slot === game.slot ? "you" : player.kind === 2 ? "bot" : "");
    set(row.wins, player.wins > 0 ? "★".repeat(Math.min(player.wins, 5)) : "");
    row.wins.title = player.wins > 0 ? `${player.wins} won` : "";
    row.bar.value = player.share;
    row.item.classList.toggle("mine", player.slot === game.slot);
    if (byID("scores").children[place] !== row.item) byID("scores").insertBefore(row.item, byID("scores").children[place] ?? null);
  });
}

function newRow(slot) {
  const element = (tag, className, ...children) => {
    const e = document.createElement(tag);
    e.className = className;
    e.append(...children);
    return e;
  };
  const row = { name: element("bdi", ""), note: element("span", "note"), wins: element("span", "wins"), share: element("span", "share"), bar: element("progress", "") };
  row.bar.max = 100;
  row.bar.setAttribute("aria-hidden", "true");
  row.item = element("li", `slot${slot}`, element("span", "dot"), row.name, row.note, row.wins, row.share, row.bar);
  rows.set(slot, row);
  return row;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showRound(state) {
  const winner = state.players[state.winner - 1];
  const over = state.phase !== play && state.tick > 0;
  byID("banner").hidden = !over;
  byID("banner").className = over && winner ? `banner slot${state.winner}` : "banner";
  const who = state.winner === game.slot && winner ? "You win!" : winner ? "wins!" : "A draw!";
  set(byID("winner"), winner && state.winner !== game.slot ? winner.name : "");
  set(byID("won"), who);
  set(byID("news"), over ? `${byID("winner").textContent} ${who}` : `Round ${state.round} has begun.`);
}

function showClock(state) {
  const seconds = Math.max(0, Math.ceil(state.left / rate));
  const text = state.phase === play ? `${Math.trunc(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : `Next in ${seconds}`;
  set(byID("clock"), text);
  byID("clock").classList.toggle("soon", state.phase === play && seconds <= 10);
}

// The controls

const knob = {
  show(x, y) {
    byID("stick").hidden = false;
    byID("stick").style.left = `${x}px`;
    byID("stick").style.top = `${y}px`;
    this.move(0, 0);
  },
  move(x, y) {
    const far = Math.max(1, Math.hypot(x, y) / 42);
    byID("knob").style.transform = `translate(${x / far}px, ${y / far}px)`;
  },
  hide() { byID("stick").hidden = true; },
};
const controls = new Controls({ pads: [byID("stage"), byID("pad")], knob, button: byID("dash") });

// The clock of the page: inputs at the arena's rate, pictures at the screen's.
let due = performance.now(); // when the next input is

function frame(now) {
  if (now - due > maxInputs * tickTime) due = now - tickTime; // it was asleep
  const list = [];
  for (; due <= now && list.length < maxInputs; due += tickTime) list.push(controls.input());
  if (list.length > 0 && game.predicted && socket.state === "open") {
    const message = game.act(list);
    if (message && socket.send(message)) states = 0;
  }
  view.draw(game.shown(now, 1 - Math.min(1, (due - now) / tickTime)), own, now);
  requestAnimationFrame(frame);
}

watch(byID("session").value.trim() || "lobby");
requestAnimationFrame(frame);
