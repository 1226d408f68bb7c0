// Where people write: it grows, sends on Enter, and keeps what was typed.

import { byId, setIcon, setLabel } from "./dom.js";
import { t } from "./i18n.js";
import { forget, recall, remember } from "./storage.js";

const input = byId("input");
const button = byId("send");
let draftOf = "new";
let isRunning = false;
let mayStop = false;
let isOpen = true;
let hasFiles = () => ({ ready: true, any: false });

/** `send(text)` and `stop()`; `files()` answers {ready, any}. */
export function startComposer({ send, stop, files }) {
  hasFiles = files;
  input.addEventListener("input", changed);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || composing(event)) return;
    event.preventDefault();
    submit(send);
  });
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (isRunning) stop();
    else submit(send);
  });
  byId("composer").addEventListener("click", (event) => {
    if (event.target === event.currentTarget || event.target.classList.contains("tools")) input.focus();
  });
}

/** Enter that ends a Korean, Japanese or Chinese composition. Safari says so by its key code alone. */
function composing(event) {
  return event.isComposing || event.keyCode === 229;
}

function submit(send) {
  const text = input.value.trim();
  if (maySend()) send(text);
}

function maySend() {
  const files = hasFiles();
  return isOpen && !isRunning && files.ready && input.value.trim() !== "";
}

function changed() {
  if (input.value) remember(`draft:${draftOf}`, input.value);
  else forget(`draft:${draftOf}`);
  refreshComposer();
}

export function refreshComposer() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
  const label = isRunning ? t("stop") : t("send");
  setIcon(button, isRunning ? "stop" : "send");
  setLabel(button, label);
  button.classList.toggle("stopping", isRunning);
  button.disabled = isRunning ? !mayStop : !maySend();
}

/** While an answer runs the button stops it; `stoppable` says whether that is still possible. */
export function running(is, stoppable = is) {
  isRunning = is;
  mayStop = stoppable;
  refreshComposer();
}

/** A closed composer keeps what is typed, but sends nothing. */
export function open(is) {
  isOpen = is;
  refreshComposer();
}

/** Shows the draft of a conversation; "" is a new one. */
export function draftFor(conversationId) {
  draftOf = conversationId || "new";
  input.value = recall(`draft:${draftOf}`) ?? "";
  refreshComposer();
}

/** The new conversation has its id; what was typed meanwhile goes along. */
export function moveDraft(conversationId) {
  forget(`draft:${draftOf}`);
  draftOf = conversationId;
  changed();
}

export function clearDraft() {
  input.value = "";
  changed();
}

/** For words that cannot be sent now; what somebody has typed is worth more. */
export function keepDraft(text) {
  if (input.value) return;
  input.value = text;
  changed();
}

export function put(text) {
  input.value = text;
  changed();
  input.focus();
  input.setSelectionRange(text.length, text.length);
}

export function focusComposer() {
  if (!matchMedia("(pointer: coarse)").matches) input.focus({ preventScroll: true });
}
