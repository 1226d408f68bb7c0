// What was said, and who came and went, in the order in which it arrived.

import { byId, made, part } from "../chat/dom.js";

const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

const list = byId("messages");
const unconfirmed = new Map(); // the client's id → what shows it

export function clearMessages() {
  list.replaceChildren();
  unconfirmed.clear();
  byId("welcome").hidden = true;
}

/** A frame or a stored message: {message, sender, nickname}; `own` stands on the other side. */
export function showMessage({ message, sender, nickname, created_at: at }, own) {
  const shown = made("message-template");
  shown.classList.toggle("own", own);
  part(shown, "avatar").textContent = [...(nickname || sender || "?")][0].toUpperCase();
  part(shown, "name").textContent = nickname || sender;
  part(shown, "email").textContent = sender;
  part(shown, "text").textContent = message;
  part(shown, "time").textContent = clock.format(at ? new Date(at) : new Date());
  list.append(shown);
  return shown;
}

/** What has been said but not confirmed stands below everything else. */
export function showUnconfirmed(clientId, frame) {
  const shown = showMessage(frame, true);
  note(shown, "not confirmed yet");
  unconfirmed.set(clientId, shown);
}

/** It is stored: its own frame, which everybody gets, takes its place. */
export function confirmed(clientId) {
  unconfirmed.get(clientId)?.remove();
  unconfirmed.delete(clientId);
}

/** Everybody's frame may come before the confirmation: it takes the place of what says the same. */
export function heardOwn(text) {
  for (const [clientId, shown] of unconfirmed) {
    if (part(shown, "text").textContent === text) return confirmed(clientId);
  }
}

export function refused({ client_id: clientId, code, detail }) {
  const shown = made("failure-template");
  part(shown, "words").textContent = `${code}: ${detail}`;
  list.append(shown);
  const message = unconfirmed.get(clientId);
  if (message) note(message, "was not accepted");
  unconfirmed.delete(clientId);
}

export function keepUnconfirmedLast() {
  list.append(...unconfirmed.values());
}

export function showEvent(words) {
  const shown = made("event-template");
  shown.textContent = words;
  list.append(shown);
}

function note(message, words) {
  part(message, "note").textContent = words;
  part(message, "note").hidden = false;
}
