// The chat page: the messages of docs/chat.md on one side, the document on the
// other. What peers wrote reaches the document by textContent alone.
import { Socket } from "./socket.js";
import { follow } from "./status.js";
import { Log, face } from "./log.js";

const byID = (id) => document.getElementById(id);
const protocol = "chat-protocol-v1";

const log = new Log(byID("log"), byID("newer"));
const members = new Map(); // by id, in order of arrival
let socket = null;
let room = "";
let wanted = ""; // the name asked for; the server may add a number to it
let me = null;
let pending = []; // texts that were sent and not seen in the room yet
let unread = 0;

// Entering

const params = new URLSearchParams(location.search);
byID("room").value = params.get("room") || "lobby";
byID("name").value = sessionStorage.getItem("name") || localStorage.getItem("name") || "";

byID("join").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(byID("room").value.trim(), byID("name").value.trim());
});

function enter(roomName, name) {
  room = roomName;
  wanted = name;
  problem("join-problem", "");
  byID("join-button").disabled = true;
  const mine = new Socket(`/api/chat/room/${encodeURIComponent(room)}`, protocol);
  mine.addEventListener("state", ({ detail }) => mine === socket && onState(detail));
  mine.addEventListener("message", ({ detail }) => mine === socket && handlers[detail.type]?.(detail));
  hangUp();
  socket = mine;
  follow(socket);
  socket.open();
}

// hangUp ends the connection and hears no more of it.
function hangUp() {
  const old = socket;
  socket = null;
  follow(null);
  old?.close();
}

// A tab that is loaded again goes back to where it was.
if (params.get("room") && sessionStorage.getItem("joined") === params.get("room")) {
  enter(params.get("room"), byID("name").value);
}

function showPlace() {
  byID("entrance").hidden = true;
  byID("place").hidden = false;
  byID("title").textContent = room;
  sessionStorage.setItem("name", wanted);
  sessionStorage.setItem("joined", room);
  localStorage.setItem("name", wanted);
  history.replaceState(null, "", `?room=${encodeURIComponent(room)}`);
  retitle();
  byID("text").focus();
}

function showEntrance(why = "") {
  hangUp();
  me = null;
  pending = [];
  members.clear();
  log.clear();
  byID("place").hidden = true;
  byID("entrance").hidden = false;
  byID("join-button").disabled = false;
  sessionStorage.removeItem("joined");
  problem("join-problem", why);
  document.title = "Chat – wye";
  byID("name").focus();
}

byID("leave").addEventListener("click", () => showEntrance());

// The connection

function onState({ state, why }) {
  byID("send").disabled = state !== "open";
  if (state === "open") socket.send({ type: "join", name: wanted });
  // Not in the room yet: there is only the form to speak through.
  if (!me && (state === "waiting" || state === "stopped")) showEntrance(why);
}

// What the server tells

const handlers = {
  welcome({ you, members: present, history }) {
    const before = me;
    me = you;
    socket.settled();
    showPlace();
    members.clear();
    for (const member of present) members.set(member.id, member);
    drawMembers();

    // After a gap: what is new in the history, each message once.
    const known = history.some(({ id }) => log.has(id));
    const missed = history.filter(({ id }) => !log.has(id));
    if (before && !known && !log.empty && history.length > 0) log.notice("Messages before these may be missing.");
    for (const message of missed) log.message(message, before && message.from.id === before.id && pending.includes(message.text));
    if (before) {
      log.notice("You are connected again.");
      takeBack(before, missed);
    } else if (present.length === 1) {
      log.notice(`You are the first one here. Others join at ${location.host}/chat.html${location.search}`);
    }
    if (you.name !== wanted) log.notice(`The name was taken: you are ${you.name} here.`);
  },

  message(message) {
    const mine = message.from.id === me?.id;
    if (log.has(message.id)) return;
    if (mine) {
      pending.shift();
      problem("problem", "");
    }
    log.message(message, mine);
    if (document.hidden && !mine) {
      unread++;
      retitle();
    }
  },

  joined({ member }) {
    members.set(member.id, member);
    drawMembers();
    log.notice(`${member.name} joined.`);
  },

  left({ member }) {
    members.delete(member.id);
    drawMembers();
    log.notice(`${member.name} left.`);
  },

  error({ about, text }) {
    if (about === "join") return showEntrance(text);
    if (about === "say") giveBack([pending.shift()]);
    problem("problem", text);
  },
};

// takeBack finds out which of the texts under way when the connection was lost
// did arrive. The others go back into the field: nothing is sent twice.
function takeBack(before, missed) {
  for (const { from, text } of missed) {
    const i = pending.indexOf(text);
    if (from.id === before.id && i >= 0) pending.splice(i, 1);
  }
  if (pending.length > 0) problem("problem", "This was not sent when the connection was lost.");
  giveBack(pending);
  pending = [];
}

function giveBack(texts) {
  const field = byID("text");
  field.value = [...texts, field.value].filter(Boolean).join("\n");
}

// What the person does

byID("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byID("text").value.trim();
  if (!text || !socket?.send({ type: "say", text })) return;
  pending.push(text);
  byID("text").value = "";
  problem("problem", "");
  log.toEnd();
});

// Enter sends and Shift+Enter breaks the line. What a key means is known only
// when it would change the text: a keyboard on a screen names no keys, and Enter
// may end the choice of a word.
let shift = false;
byID("text").addEventListener("keydown", (event) => { shift = event.shiftKey; });
byID("text").addEventListener("beforeinput", (event) => {
  if (event.inputType !== "insertLineBreak" || shift) return;
  event.preventDefault();
  byID("composer").requestSubmit();
});

byID("people-toggle").addEventListener("click", () => {
  const open = byID("people").classList.toggle("open");
  byID("people-toggle").setAttribute("aria-expanded", String(open));
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  retitle();
});

// Drawing

function drawMembers() {
  byID("count").textContent = members.size;
  byID("members").replaceChildren(...[...members.values()].map((member) => {
    const row = document.createElement("li");
    const name = document.createElement("bdi");
    name.textContent = member.name;
    row.append(face(member.name), name);
    if (member.id === me?.id) {
      const you = document.createElement("span");
      you.className = "you";
      you.textContent = "you";
      row.append(you);
    }
    return row;
  }));
}

function retitle() {
  if (me) document.title = `${unread ? `(${unread}) ` : ""}${room} – wye chat`;
}

function problem(id, text) {
  byID(id).textContent = text;
  byID(id).hidden = !text;
}
