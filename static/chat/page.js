// The chat page: puts its parts together.

import { isExpired, onExpiry, renew, token, watchClock } from "./token.js";
import { backOnline, currentConversation, isBusy, openConversation, reopen, send, showTitle, stop } from "./chat.js";
import { conversationOfAddress } from "./address.js";
import { focusComposer, open, put, refreshComposer, startComposer } from "./composer.js";
import { loadConversations, refreshConversations, startConversations } from "./conversations.js";
import { data } from "./data.js";
import { setDrawer, startDrawer } from "./drawer.js";
import { announce, byId } from "./dom.js";
import { t } from "./i18n.js";
import { startInputs } from "./inputs.js";
import { embedded, hearParent, tellParent } from "./parent.js";
import { watchScroll } from "./scroll.js";
import { attachments, startUploads } from "./uploads.js";
import { loadWelcome } from "./welcome.js";

const FRESH_FOR = 15_000; // milliseconds for which a list need not be read again

let started = false;
let listRead = 0;
let welcomed = Promise.resolve();

function start() {
  if (started) return;
  started = true;
  watchClock();
  welcomed = loadWelcome(send);
  listRead = Date.now();
  loadConversations().then(showTitle);
  openConversation(conversationOfAddress(), { focus: !data.embed });
}

function wire() {
  watchScroll();
  startDrawer();
  startInputs();
  startUploads(refreshComposer);
  startComposer({ send, stop, files: attachments });
  startConversations({ open: choose, gone: () => choose("") });
  for (const id of ["new-chat", "new-chat-compact"]) byId(id).addEventListener("click", () => choose(""));
  byId("close").hidden = !(data.embed && embedded);
  byId("close").addEventListener("click", () => tellParent("close"));
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address names the conversation
    byId("input").focus();
  });
  if (data.embed) window.addEventListener("focus", typeHere);
  window.addEventListener("popstate", reopen);
  window.addEventListener("hashchange", reopen);
  document.addEventListener("renamed", showTitle);
  document.addEventListener("visibilitychange", refreshStaleList);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && !event.isComposing && data.embed) tellParent("close");
  });
  hearParent({ token: (message) => renew(message.token), start: (message) => begin(message.message) });
  onExpiry(showExpiry);
}

// The widget gives the focus to the frame, which has yet to say where in it one types.
function typeHere() {
  if (document.activeElement === document.body) focusComposer();
}

function choose(id) {
  setDrawer(false);
  if (id && id === currentConversation()) return;
  openConversation(id);
}

/** The embedding page suggests a first message: it is sent unless somebody is in the middle of something. */
async function begin(message) {
  if (typeof message !== "string" || !message.trim()) return;
  await welcomed; // the app may ask for inputs first
  if (isBusy() || byId("input").value) put(byId("input").value || message);
  else if (token() && !isExpired()) send(message);
  else put(message);
}

// Another tab may have changed the list.
function refreshStaleList() {
  if (document.hidden || !started || Date.now() - listRead < FRESH_FOR || isExpired()) return;
  listRead = Date.now();
  refreshConversations().then(showTitle, () => {});
}

// Being offline, and having no token any more ---------------------------------------------------------------------

function watchConnection() {
  for (const name of ["online", "offline"]) window.addEventListener(name, () => showState(name === "online"));
  showState(false);
}

function showState(justBack) {
  const words = isExpired() ? t(token() ? "session_over" : "session_none") : navigator.onLine ? "" : t("offline");
  const banner = byId("banner");
  banner.hidden = !words;
  byId("banner-words").textContent = words;
  open(!words);
  if (words) announce(words);
  else if (justBack) announce(t("online"));
  if (justBack && navigator.onLine && !isExpired()) {
    loadWelcome(send);
    refreshConversations().then(showTitle, () => {});
    backOnline();
  }
}

function showExpiry(expired) {
  showState(!expired);
  if (!expired) start();
}

wire();
watchConnection();
tellParent("ready");
if (isExpired()) tellParent("token-expired");
else start();
