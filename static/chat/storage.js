// What this tab remembers over a reload. Where the browser forbids storage, as in a sandboxed frame, it is kept in
// memory, and a reload forgets it.

import { data } from "./data.js";

const memory = new Map();
const prefix = `chat-gateway:${data.seat ?? ""}:`;

export function recall(name) {
  try {
    return JSON.parse(sessionStorage.getItem(prefix + name)) ?? memory.get(name);
  } catch {
    return memory.get(name);
  }
}

export function remember(name, value) {
  memory.set(name, value);
  try {
    sessionStorage.setItem(prefix + name, JSON.stringify(value));
  } catch {
    // Forbidden or full: memory has it.
  }
}

export function forget(name) {
  memory.delete(name);
  try {
    sessionStorage.removeItem(prefix + name);
  } catch {
    // Nothing was kept there.
  }
}
