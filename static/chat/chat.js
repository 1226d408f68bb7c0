// The conversation that is open, and what happens in it: opening one, asking, stopping, failing, asking again.

import { call, wordsFor } from "./api.js";
import { conversationOfAddress, goTo, nowCalled } from "./address.js";
import { AnswerView } from "./answer.js";
import { clearDraft, draftFor, focusComposer, keepDraft, moveDraft, put, running } from "./composer.js";
import { addConversation, hasTitle, nameOf, refreshConversations, setCurrent } from "./conversations.js";
import { data } from "./data.js";
import { announce, byId, made, part } from "./dom.js";
import { t } from "./i18n.js";
import { inputValues } from "./inputs.js";
import { isThat, moveOutbox, noteSent, settle, startedSince, unsettled } from "./outbox.js";
import { questionView } from "./question.js";
import { toEnd } from "./scroll.js";
import { Thread } from "./thread.js";
import { stopTask, Turn } from "./turn.js";
import { attachments, takeAttachments } from "./uploads.js";
import { showQuestions, showWelcome, suggestsAfterAnswer } from "./welcome.js";

const TITLE_TAKES = [300, 3000, 8000]; // milliseconds after which Dify may have found a title
const FOUND_WITHIN = 60; // seconds in which a conversation that was just begun shows up in the list
const LOOK_EVERY = 2000; // milliseconds

const messages = byId("messages");
const suggestions = byId("suggestions");

let openId = "";
let thread = null;
let turn = null; // the one that is asked by this page
let interrupted = null; // what a lost connection left unknown
let visits = 0; // tells whether a conversation is still open after a wait

export async function openConversation(id, { focus = true } = {}) {
  leave();
  const visit = ++visits;
  openId = id;
  goTo(id);
  setCurrent(id);
  draftFor(id);
  showTitle();
  showWelcome(!id);
  showQuestions(suggestions, [], send);
  messages.replaceChildren(...(id ? [made("skeleton-template")] : []));
  if (focus) focusComposer();
  if (id) await load(id, visit);
  else await recoverNew(visit);
}

function leave() {
  turn?.leave();
  turn = null;
  thread?.close();
  thread = null;
  running(false);
}

async function load(id, visit) {
  thread = new Thread(id, { resend: send, settled: ended });
  try {
    const latest = await thread.load();
    if (visit !== visits) return;
    toEnd();
    recover(id, latest);
    showStop();
    if (latest?.answer.status === "answered") suggest(latest.answer.message_id, visit);
  } catch (error) {
    if (visit === visits) sayFailed(error, () => openConversation(id));
  }
}

function sayFailed(error, again) {
  const failure = made("failure-template");
  part(failure, "words").textContent = error.code === "not_found" ? t("conversation_gone") : wordsFor(error);
  part(failure, "retry").hidden = error.code === "not_found";
  part(failure, "retry").addEventListener("click", again);
  messages.replaceChildren(failure);
}

export function showTitle() {
  const name = openId ? nameOf(openId) : t("new_chat");
  byId("title").textContent = name;
  document.title = openId ? `${name} · ${data.system}` : data.system;
}

// Asking ------------------------------------------------------------------------------------------------------

/** `text` is the question; what is attached goes with it. */
export function send(text) {
  if (isBusy() || !attachments().ready) return keepDraft(text);
  const inputs = openId ? {} : inputValues();
  if (!inputs) return keepDraft(text);
  clearDraft();
  return ask({ text, files: takeAttachments(), inputs });
}

async function ask(sent) {
  const visit = visits;
  const mine = (turn = new Turn({ ...sent, conversationId: openId }));
  const view = begin(sent);
  noteSent(openId, sent);
  announce(t("sent"));
  running(true);
  try {
    await mine.run(() => visit === visits && progress(mine, view));
    settle(mine.conversationId);
    if (visit === visits) await completed(mine, view, visit);
  } catch (error) {
    if (visit === visits && error.name !== "AbortError") await failed(mine, view, error, sent);
  }
}

function begin(sent) {
  const view = new AnswerView();
  const asked = questionView({ ...sent, at: view.at, resend: () => send(sent.text) });
  showWelcome(false);
  showQuestions(suggestions, [], send);
  messages.append(asked, view.element);
  view.waiting();
  toEnd();
  return view;
}

function progress(mine, view) {
  if (!openId && mine.conversationId) adopt(mine);
  view.arriving(mine.answer);
  running(true, !mine.stopping);
}

/** The new conversation has its id. */
function adopt({ conversationId, text }) {
  openId = conversationId;
  moveOutbox(openId);
  nowCalled(openId);
  addConversation(openId, text.slice(0, 60));
  setCurrent(openId);
  moveDraft(openId);
  showTitle();
}

async function completed(mine, view, visit) {
  turn = null;
  running(false);
  view.element.dataset.messageId = mine.messageId;
  const { answer: text, messageId, citations } = mine;
  await view.complete({ text, messageId, citations, status: mine.stopping ? "stopped" : "answered" });
  announce(mine.stopping ? t("stopped") : t("answer_complete"));
  learnTitle();
  if (!mine.stopping && visit === visits) suggest(messageId, visit);
}

async function failed(mine, view, error, sent) {
  turn = null;
  running(false);
  const pickUp = async () => error.code === "network" && (await arrived(mine, sent));
  if (await pickUp()) return;
  const lost = error.code === "not_found" && openId;
  const words = lost ? t("conversation_gone") : wordsFor(error);
  const again = async () => (await pickUp()) || retry(view, sent);
  interrupted = { visit: visits, pickUp };
  await view.failed({ text: mine.answer, words, again: lost ? null : again });
  announce(words);
  if (error.code === "invalid" || error.code === "too_large") giveBack(sent);
}

/** What cannot be sent like this goes back to where it can be changed. */
function giveBack(sent) {
  if (!byId("input").value) put(sent.text);
}

function retry(view, sent) {
  if (turn) return;
  view.element.previousElementSibling?.remove();
  view.element.remove();
  ask(sent);
  focusComposer();
}

export function stop() {
  if (turn) {
    turn.stop();
    running(true, false);
    return;
  }
  const taskId = thread?.running?.[0]?.answer.task_id;
  if (taskId) stopTask(taskId).catch((error) => announce(wordsFor(error)));
}

function showStop() {
  const late = thread?.running?.[0];
  running(Boolean(late), Boolean(late?.answer.task_id));
}

/** An answer that this page only watched has ended. */
function ended({ answer }) {
  showStop();
  settle(openId);
  announce(answer.status === "failed" ? data.texts.failed_before : t("answer_complete"));
  learnTitle();
  if (answer.status === "answered") suggest(answer.message_id, visits);
}

// After an answer ---------------------------------------------------------------------------------------------

async function suggest(messageId, visit) {
  if (!messageId || !suggestsAfterAnswer()) return;
  const questions = await call("GET", `messages/${messageId}/suggested`).catch(() => []);
  if (visit === visits && !turn && !thread?.running?.length) showQuestions(suggestions, questions, send);
}

async function learnTitle() {
  const id = openId;
  for (const wait of TITLE_TAKES) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    await refreshConversations().catch(() => {});
    if (openId === id) showTitle();
    if (hasTitle(id)) return;
  }
}

// What was on its way when the page was closed or the connection broke ----------------------------------------------

/** The connection broke, but the gateway may have the question: then its answer is still being written. */
async function arrived(mine, sent) {
  if (!navigator.onLine) return false;
  if (mine.conversationId) {
    await openConversation(mine.conversationId);
    return true;
  }
  const id = await begunWith(sent).catch(() => "");
  if (!id) return false;
  moveOutbox(id);
  await openConversation(id);
  return true;
}

/** The network is back: shows what became of the question meanwhile. */
export function backOnline() {
  if (interrupted?.visit === visits && !turn) interrupted.pickUp();
}

/** The id of the conversation that began with this question, or "". */
async function begunWith(sent) {
  const since = sent.at ? sent : { ...sent, at: Math.floor(Date.now() / 1000) - FOUND_WITHIN };
  const candidates = (await refreshConversations()).slice(0, 5).filter((row) => startedSince(since, row));
  for (const { id } of candidates) {
    const rows = await call("GET", `conversations/${id}/messages?limit=1`);
    if (rows.length && isThat(since, rows[0])) return id;
  }
  return "";
}

async function recoverNew(visit) {
  const sent = unsettled("");
  if (!sent) return;
  const view = begin(sent);
  while (Date.now() / 1000 < sent.at + FOUND_WITHIN && visit === visits) {
    const id = await begunWith(sent).catch(() => "");
    if (visit !== visits) return;
    if (id) {
      moveOutbox(id);
      openConversation(id);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
  if (visit === visits) giveUp(view, sent);
}

/** Shows what was sent in this conversation and never arrived. */
function recover(id, latest) {
  const sent = unsettled(id);
  if (!sent) return;
  if (latest && isThat(sent, latest.question)) {
    if (!thread.running.length) settle(id);
    return;
  }
  giveUp(begin(sent), sent);
}

function giveUp(view, sent) {
  view.failed({ text: "", words: data.texts.not_arrived, again: () => retry(view, sent) });
}

export function isBusy() {
  return Boolean(turn || thread?.running?.length);
}

export function currentConversation() {
  return openId;
}

export function reopen() {
  const id = conversationOfAddress();
  if (id !== openId) openConversation(id);
}
