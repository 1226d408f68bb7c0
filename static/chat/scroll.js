// Follows the newest words, but only while the reader is at the end.

import { byId } from "./dom.js";

const NEAR = 80; // pixels

const log = byId("log");
const jump = byId("jump");
let following = true;
let last = 0; // scrollTop when it was last looked at

export function watchScroll() {
  log.addEventListener("scroll", noteScroll, { passive: true });
  log.addEventListener("grown", follow);
  new ResizeObserver(follow).observe(log);
  new ResizeObserver(follow).observe(byId("content"));
  jump.addEventListener("click", () => {
    toEnd();
    byId("input").focus();
  });
}

export function toEnd() {
  following = true;
  log.scrollTop = log.scrollHeight;
  noteScroll();
}

/** Adds older messages above without moving what is being read. */
export function keepingPlace(add) {
  const before = log.scrollHeight - log.scrollTop;
  following = false;
  add();
  log.scrollTop = log.scrollHeight - before;
  noteScroll();
}

function follow() {
  if (following) log.scrollTop = log.scrollHeight;
  noteScroll();
}

/** Only a reader who scrolls up stops the following: words that arrive faster than events do not. */
function noteScroll() {
  const near = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  following = near || (following && log.scrollTop >= last - 1);
  last = log.scrollTop;
  jump.hidden = following;
}
