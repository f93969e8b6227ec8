// How a page's connection is: the line in its header, the notice of why there is
// none, and the question for a token. The elements are those of the parts top,
// outage and token.
import { useToken } from "./token.js";

const byID = (id) => document.getElementById(id);
const words = { connecting: "Connecting", open: "Connected", waiting: "Reconnecting", locked: "Waiting for a token", stopped: "Disconnected" };

let followed = null;
let unfollow = null;
let timer = 0;

// On a phone the links of the header may be more than fit.
document.querySelector(".top [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// follow shows the state of socket from now on, in place of another's. Call it
// before open. With null nothing shows.
export function follow(socket) {
  unfollow?.abort();
  unfollow = new AbortController();
  followed = socket;
  show({ state: socket?.state ?? "stopped", why: "", until: 0 });
  socket?.addEventListener("state", ({ detail }) => show(detail), { signal: unfollow.signal });
}

function show({ state, why, until }) {
  byID("state").hidden = !followed;
  if (byID("state").dataset.state !== state) {
    byID("state").dataset.state = state;
    byID("state").title = words[state];
    byID("state").firstElementChild.textContent = words[state];
  }
  clearTimeout(timer);
  if (byID("outage") && state !== "connecting") showOutage(state, why, until);
  if (state === "locked") ask(why);
}

// showOutage leaves the notice where it is while a new attempt is under way, so
// that nothing jumps.
function showOutage(state, why, until) {
  const waiting = state === "waiting";
  byID("outage").hidden = !waiting && !(state === "stopped" && why);
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const text = waiting ? `${why} Trying again in ${seconds} s.` : why;
  if (byID("outage-why").textContent !== text) byID("outage-why").textContent = text;
  byID("again").textContent = waiting ? "Try now" : "Reconnect";
  if (waiting && seconds > 0) timer = setTimeout(() => showOutage(state, why, until), 500);
}

byID("again")?.addEventListener("click", () => followed?.open());

// ask is for the token of a socket that is locked. Who does not give one goes on
// without a connection.
function ask(why) {
  byID("token-text").value = "";
  byID("token-why").textContent = why;
  byID("token-why").hidden = !why;
  byID("token").returnValue = "";
  if (!byID("token").open) byID("token").showModal();
}

byID("token")?.addEventListener("close", () => {
  const text = byID("token-text").value;
  byID("token-text").value = "";
  if (followed?.state !== "locked") return;
  if (byID("token").returnValue !== "use" || !text) return followed.close();
  useToken(text);
  followed.open();
});
