// The list of conversations: newest first, older ones on scroll; open, rename, delete with undo.

import { call, page, wordsFor } from "./api.js";
import { announce, byId, made, part } from "./dom.js";
import { fullTime, period, t } from "./i18n.js";
import { notice } from "./snackbar.js";

const NAMELESS = "New conversation"; // how Dify calls one until then

const list = byId("conversations");
const more = byId("conversations-more");
const state = byId("conversations-state");

let rows = []; // {id, name, created_at, updated_at}
let next = ""; // address of the page after these
let current = "";
let renaming = "";
let loading = null;
let whenGone = () => {};
const provisional = new Map(); // id → the name a new one goes by until Dify has found a title
const leaving = new Map(); // id → ends the wait for an undo now

/** `open(id)` when one is chosen; `gone()` when the open one is deleted. */
export function startConversations({ open, gone }) {
  whenGone = gone;
  list.addEventListener("click", (event) => {
    const row = event.target.closest("li[data-id]");
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (!row || !act) return;
    if (act === "open") {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(row.dataset.id);
    }
    if (act === "rename") startRenaming(row.dataset.id);
    if (act === "delete") remove(row.dataset.id);
  });
  new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && loadMore(), {
    root: byId("conversations-scroll"),
    rootMargin: "200px",
  }).observe(more);
  window.addEventListener("pagehide", () => leaving.forEach((finish) => finish()));
}

export function conversation(id) {
  return rows.find((row) => row.id === id);
}

export function setCurrent(id) {
  current = id;
  show();
}

export function hasTitle(id) {
  const name = conversation(id)?.name;
  return Boolean(name) && name !== NAMELESS;
}

export function nameOf(id) {
  return hasTitle(id) ? conversation(id).name : provisional.get(id) || t("untitled");
}

/** Reads the newest page again and keeps the older ones that were loaded. Raises ApiError. */
export async function refreshConversations() {
  const fresh = await page("conversations?limit=30");
  const known = new Set(fresh.rows.map((row) => row.id));
  const oldest = fresh.rows.at(-1)?.updated_at ?? 0;
  const first = rows.length === 0;
  rows = [...fresh.rows, ...(fresh.next ? rows.filter((row) => !known.has(row.id) && row.updated_at <= oldest) : [])];
  if (first || !fresh.next || rows.length === fresh.rows.length) next = fresh.next;
  state.hidden = true;
  show();
  return fresh.rows;
}

export async function loadConversations() {
  state.hidden = rows.length > 0;
  state.replaceChildren(made("skeleton-template"));
  try {
    await refreshConversations();
  } catch (error) {
    sayFailed(error, loadConversations);
  }
}

async function loadMore() {
  if (!next || loading) return;
  loading = page(next);
  try {
    const older = await loading;
    const known = new Set(rows.map((row) => row.id));
    rows.push(...older.rows.filter((row) => !known.has(row.id)));
    next = older.next;
    show();
  } catch (error) {
    sayFailed(error, loadMore);
  } finally {
    loading = null;
  }
}

function sayFailed(error, again) {
  const failure = made("failure-template");
  part(failure, "words").textContent = wordsFor(error);
  part(failure, "retry").addEventListener("click", () => {
    state.replaceChildren();
    again();
  });
  state.hidden = false;
  state.replaceChildren(failure);
}

/** A conversation that has just begun, until the list from Dify has its real name. */
export function addConversation(id, name) {
  const now = Math.floor(Date.now() / 1000);
  provisional.set(id, name);
  if (!conversation(id)) rows.unshift({ id, name: NAMELESS, created_at: now, updated_at: now });
  show();
}

function show() {
  if (renaming) return; // the field must not be taken from under somebody's hands
  const focused = document.activeElement?.closest?.("li[data-id]")?.dataset.id;
  const act = document.activeElement?.dataset?.act;
  const items = [];
  let heading = "";
  for (const row of rows) {
    if (leaving.has(row.id)) continue;
    const when = period(row.updated_at);
    if (when !== heading) items.push(periodHeading((heading = when)));
    items.push(item(row));
  }
  list.replaceChildren(...items);
  more.hidden = !next;
  byId("conversations-empty").hidden = items.length > 0 || !state.hidden;
  if (focused && act) list.querySelector(`li[data-id="${CSS.escape(focused)}"] [data-act="${act}"]`)?.focus();
}

function periodHeading(text) {
  const heading = document.createElement("li");
  heading.className = "period";
  heading.textContent = text;
  return heading;
}

function item(row) {
  const element = made("conversation-template");
  const name = nameOf(row.id);
  const link = part(element, "link");
  element.dataset.id = row.id;
  link.textContent = name;
  link.href = `#c=${encodeURIComponent(row.id)}`;
  link.title = `${name}\n${fullTime(row.updated_at)}`;
  if (row.id === current) link.setAttribute("aria-current", "page");
  for (const act of ["rename", "delete"]) part(element, act).setAttribute("aria-label", t(`${act}_named`, { name }));
  return element;
}

export function startRenaming(id) {
  const row = conversation(id);
  const element = list.querySelector(`li[data-id="${CSS.escape(id)}"]`);
  if (!row || !element) return;
  const form = made("rename-template");
  const input = part(form, "input");
  input.value = nameOf(id);
  renaming = id;
  element.replaceChildren(form);
  input.focus();
  input.select();
  const finish = (save) => {
    if (renaming !== id) return;
    renaming = "";
    const name = input.value.trim();
    if (save && name && name !== nameOf(id)) rename(row, name);
    show();
    list.querySelector(`li[data-id="${CSS.escape(id)}"] [data-act="rename"]`)?.focus();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    finish(true);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    finish(false);
  });
  input.addEventListener("blur", () => finish(true));
}

async function rename(row, name) {
  const before = row.name;
  row.name = name;
  document.dispatchEvent(new CustomEvent("renamed", { detail: row }));
  try {
    await call("POST", `conversations/${row.id}/name`, { body: { name } });
    announce(t("renamed"));
  } catch (error) {
    row.name = before;
    show();
    document.dispatchEvent(new CustomEvent("renamed", { detail: row }));
    notice(wordsFor(error), { action: { label: t("retry"), run: () => rename(row, name) } });
  }
}

function remove(id) {
  const after = list.querySelector(`li[data-id="${CSS.escape(id)}"]`)?.nextElementSibling?.dataset.id;
  const name = nameOf(id);
  const finish = notice(t("deleted_named", { name }), {
    action: { label: t("undo"), run: () => keep(id) },
    then: () => deleteNow(id),
  });
  leaving.set(id, finish);
  show();
  const neighbour = after && list.querySelector(`li[data-id="${CSS.escape(after)}"] [data-act="open"]`);
  (neighbour || byId("new-chat")).focus();
  if (id === current) whenGone();
}

function keep(id) {
  leaving.delete(id);
  show();
  announce(t("restored"));
  list.querySelector(`li[data-id="${CSS.escape(id)}"] [data-act="open"]`)?.focus();
}

async function deleteNow(id) {
  try {
    await call("DELETE", `conversations/${id}`, { body: {}, keepalive: true });
    rows = rows.filter((row) => row.id !== id);
    leaving.delete(id);
  } catch (error) {
    leaving.delete(id);
    if (error.code === "not_found") rows = rows.filter((row) => row.id !== id);
    else notice(wordsFor(error), { action: { label: t("retry"), run: () => remove(id) } });
  }
  show();
}
