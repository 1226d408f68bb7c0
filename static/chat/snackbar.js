// Short notices at the bottom, some with something to do about them.

import { byId, made, part } from "./dom.js";

const STAYS = 6000; // milliseconds

/** Calls `then` when the time is up, or `action.run` if that was chosen first. Returns a function that ends it now. */
export function notice(text, { action, then } = {}) {
  const bar = made("snackbar-template");
  part(bar, "text").textContent = text;
  const timer = setTimeout(() => close(then), STAYS);
  function close(next) {
    if (!bar.isConnected) return;
    clearTimeout(timer);
    bar.remove();
    next?.();
  }
  const button = part(bar, "action");
  button.hidden = !action;
  if (action) {
    button.textContent = action.label;
    button.addEventListener("click", () => close(action.run));
  }
  byId("snackbars").append(bar);
  return () => close(then);
}
