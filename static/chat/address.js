// The page's address: the token leaves it at once, before anything else happens; the conversation is kept in it.

import { data } from "./data.js";

const address = new URL(location.href);

export const tokenOfAddress = address.searchParams.get("token");

if (tokenOfAddress !== null) {
  address.searchParams.delete("token");
  if (data.seat) address.searchParams.set("seat", data.seat);
  history.replaceState(history.state, "", address);
}

export function conversationOfAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("c") ?? "";
}

function withConversation(id) {
  const next = new URL(location.href);
  next.hash = id ? `c=${encodeURIComponent(id)}` : "";
  return next;
}

export function goTo(id) {
  if (id !== conversationOfAddress()) history.pushState(null, "", withConversation(id));
}

/** For a new conversation that has just been given its id: no step for the back button. */
export function nowCalled(id) {
  history.replaceState(null, "", withConversation(id));
}

export function addressWithToken(token) {
  const next = new URL(location.href);
  next.searchParams.delete("seat");
  next.searchParams.set("token", token);
  return next;
}
