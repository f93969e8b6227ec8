// What the server lets people in by, where it asks: a token, which only this tab
// keeps. A WebSocket of a page cannot send one, and a token that lasts does not
// belong into a URL, so that each connection gets a ticket for it.

const key = "token";

export function hasToken() { return sessionStorage.getItem(key) !== null; }
export function useToken(token) { sessionStorage.setItem(key, token); }
export function forgetToken() { sessionStorage.removeItem(key); }

// ticketFor asks for a ticket that opens one connection to a path, as it is in
// a URL. The result has the ticket; or locked, if the server wants a token that
// we do not have; or why there is none, as explain of socket.js tells it; or
// nothing, where nobody is asked for tokens.
export async function ticketFor(path) {
  const token = sessionStorage.getItem(key);
  const plain = decodeURIComponent(new URL(path, location.origin).pathname);
  let response, text;
  try {
    response = await fetch(`/ticket?path=${encodeURIComponent(plain)}`, {
      method: "POST",
      headers: token === null ? {} : { Authorization: `Bearer ${token}` },
      cache: "no-store",
      signal: AbortSignal.timeout(5000),
    });
    text = await response.text();
  } catch {
    return { why: "The server cannot be reached." };
  }
  switch (response.status) {
    case 200:
      return { ticket: JSON.parse(text).ticket };
    case 401:
      forgetToken();
      return { locked: true, why: token === null ? "" : "The server does not know this token." };
    case 404:
      return {};
  }
  return refusal(response, text);
}

// refusal is what a response that is none of the expected ones means: why, how
// long to wait at least, and whether asking again would be in vain.
export function refusal(response, text) {
  const { status, headers } = response;
  return {
    why: text.trim().slice(0, 300) || `The server answered ${status}.`,
    wait: Number(headers.get("Retry-After")) * 1000 || 0,
    stop: status >= 400 && status < 500 && ![408, 425, 429].includes(status),
  };
}
