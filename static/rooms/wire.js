// The frames as they go over the wire.

import { byId, made, part } from "../chat/dom.js";

const MOST = 500; // frames that are kept
const WAYS = { sent: "sent", received: "received", note: "socket" };

const drawer = byId("wire");
const button = byId("show-wire");
const frames = byId("frames");

export function startWire() {
  button.addEventListener("click", () => show(drawer.hidden));
  byId("close-wire").addEventListener("click", () => show(false));
  byId("clear-wire").addEventListener("click", () => frames.replaceChildren());
  drawer.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(false);
  });
}

function show(is) {
  drawer.hidden = !is;
  document.documentElement.classList.toggle("wire-open", is);
  button.setAttribute("aria-expanded", String(is));
  (is ? byId("close-wire") : button).focus();
  frames.scrollTop = frames.scrollHeight;
}

export function noteFrame(way, text) {
  const atEnd = frames.scrollHeight - frames.scrollTop - frames.clientHeight < 40;
  const row = made("frame-template");
  row.dataset.way = way;
  part(row, "way").textContent = WAYS[way];
  part(row, "time").textContent = new Date().toISOString().slice(11, 23);
  part(row, "text").textContent = text;
  frames.append(row);
  if (frames.childElementCount > MOST) frames.firstElementChild.remove();
  if (atEnd) frames.scrollTop = frames.scrollHeight;
}
