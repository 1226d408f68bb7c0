// The user's token: out of the address, kept for this tab, renewed by the page that embeds this one.

import { addressWithToken, tokenOfAddress } from "./address.js";
import { data } from "./data.js";
import { embedded, tellParent } from "./parent.js";
import { recall, remember } from "./storage.js";

const RENEWAL_TAKES = 8000; // milliseconds that a widget may need to fetch another token
const LONGEST_TIMER = 2 ** 31 - 1; // milliseconds

const changes = new EventTarget();
let current = tokenOfAddress ?? recall("token") ?? "";
let expired = !current;
let timer = 0;

if (data.seat && current) remember("token", current);

export function token() {
  return current;
}

export function isExpired() {
  return expired;
}

/** Calls back with true when the token has run out, and with false when there is a new one. */
export function onExpiry(callback) {
  changes.addEventListener("change", () => callback(expired));
}

export function expire() {
  tellParent("token-expired");
  if (!expired) change(true);
}

export function renew(next) {
  if (typeof next !== "string" || !next) return;
  if (current && !samePerson(next, current)) {
    const address = addressWithToken(next);
    address.hash = "";
    location.replace(address);
    return;
  }
  current = next;
  remember("token", next);
  watchClock();
  change(false);
}

/** Waits for the widget to bring a new token. False if none came. */
export function renewed() {
  if (!embedded) return Promise.resolve(false);
  return new Promise((resolve) => {
    const giveUp = setTimeout(() => finish(false), RENEWAL_TAKES);
    const hear = () => expired || finish(true);
    function finish(outcome) {
      clearTimeout(giveUp);
      changes.removeEventListener("change", hear);
      resolve(outcome);
    }
    changes.addEventListener("change", hear);
  });
}

export function watchClock() {
  clearTimeout(timer);
  const left = (claims(current).exp ?? Infinity) * 1000 - Date.now();
  if (left <= 0) expire();
  else if (left < LONGEST_TIMER) timer = setTimeout(expire, left);
}

function change(to) {
  expired = to;
  changes.dispatchEvent(new Event("change"));
}

function samePerson(one, other) {
  const [a, b] = [claims(one), claims(other)];
  return a.system_id === b.system_id && String(a.user_id) === String(b.user_id);
}

function claims(jwt) {
  try {
    const bytes = Uint8Array.from(atob(jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}
