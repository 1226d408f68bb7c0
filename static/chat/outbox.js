// What was sent and is not yet known to have arrived. It survives a reload, so that no word is lost.

import { forget, recall, remember } from "./storage.js";

const CLOCKS_DIFFER_BY = 120; // seconds, between this device and Dify

function entry(conversationId) {
  return `sent:${conversationId || "new"}`;
}

export function noteSent(conversationId, { text, files, inputs }) {
  const kept = files.map(({ type, id, name, size }) => ({ type, id, name, size }));
  remember(entry(conversationId), { text, files: kept, inputs, at: Math.floor(Date.now() / 1000) });
}

export function unsettled(conversationId) {
  return recall(entry(conversationId)) ?? null;
}

export function settle(conversationId) {
  forget(entry(conversationId));
}

/** The new conversation has been given its id. */
export function moveOutbox(conversationId) {
  const sent = unsettled("");
  settle("");
  if (sent) remember(entry(conversationId), sent);
}

/** Whether this question of the history is what was sent. */
export function isThat(sent, { content, created_at: createdAt }) {
  return content.trim() === sent.text.trim() && createdAt >= sent.at - CLOCKS_DIFFER_BY;
}

export function startedSince(sent, conversation) {
  return conversation.created_at >= sent.at - 2;
}
