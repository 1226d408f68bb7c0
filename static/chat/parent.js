// The page that embeds this one, and the messages between the two:
//   to it:   {source: "chat-gateway", type: "ready" | "token-expired" | "close"}
//   from it: {source: "chat-gateway", type: "token", token} and {…, type: "start", message}
// Only the system's allowed origins are spoken to and heard.

import { data } from "./data.js";

const SOURCE = "chat-gateway";
export const embedded = window.parent !== window;

export function tellParent(type) {
  if (!embedded) return;
  for (const origin of targets()) window.parent.postMessage({ source: SOURCE, type }, origin);
}

function targets() {
  const known = window.location.ancestorOrigins?.[0];
  if (known !== undefined) return data.origins.filter((origin) => origin === known);
  return data.origins;
}

/** `handlers`: {type: (message) => …}. */
export function hearParent(handlers) {
  if (!embedded) return;
  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || !data.origins.includes(event.origin)) return;
    if (event.data?.source === SOURCE) handlers[event.data.type]?.(event.data);
  });
}
