// The history page is complete without this: every link leads to a page of its own. Here a conversation opens beside
// the list without a reload, and the keyboard goes through the list.

import { watchKeys } from "./keys.js";

const byId = (id) => document.getElementById(id);
const rows = () => [...document.querySelectorAll("#rows .row")];
const current = () => document.querySelector("#rows .row[aria-current]");
const number = (address) => new URL(address, location.href).searchParams.get("open");

let asking = null;

/** Shows what is at `address`, the list as it is. `focus` goes into the conversation, or stays where it is. */
async function show(address, { focus = false, remember = true } = {}) {
  asking?.abort();
  const mine = (asking = new AbortController());
  byId("thread").setAttribute("aria-busy", "true");
  try {
    const response = await fetch(address, { signal: mine.signal, redirect: "manual" });
    if (response.type === "opaqueredirect") throw new Error("The visit is over.");
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const thread = fresh.getElementById("thread");
    if (!thread) throw new Error("Not this page.");
    if (mine.signal.aborted) return;
    if (remember) history.pushState(null, "", address);
    draw(fresh, thread, address);
    if (focus) (byId("thread-name") ?? byId("thread")).focus({ preventScroll: true });
  } catch {
    if (!mine.signal.aborted) location.assign(address); // the login, or an error: the browser shows it
  }
}

function draw(fresh, thread, address) {
  byId("thread").replaceChildren(...thread.childNodes);
  byId("thread").removeAttribute("aria-busy");
  byId("thread").scrollTo(0, 0);
  document.title = fresh.title;
  document.body.className = fresh.body.className;
  mark(number(address));
  const name = byId("thread-name");
  byId("announcer").textContent = name ? `Opened: ${name.textContent}` : "";
  if (name && isPhone()) scrollTo(0, 0);
}

function mark(open) {
  for (const row of rows()) {
    if (open && number(row.href) === open) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

const isPhone = () => matchMedia("(max-width: 760px)").matches;

// A click -----------------------------------------------------------------------------------------------------

const HERE = ".row, .close, .back, .turns-pager a";

let listAt = 0; // how far the list was scrolled when a phone left it

addEventListener("click", (event) => {
  const link = event.target.closest?.(HERE);
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (link.matches(".close, .back")) close();
  else open(link);
});

function open(link) {
  if (link.matches(".row")) listAt = scrollY;
  show(link.href, { focus: true });
}

async function close() {
  const row = current();
  const link = document.querySelector(".thread-head .close") ?? document.querySelector("#thread a");
  if (!link) return;
  await show(link.href);
  if (isPhone()) scrollTo(0, listAt);
  (row ?? byId("rows")?.querySelector(".row"))?.focus({ preventScroll: isPhone() });
}

addEventListener("popstate", () => show(location.href, { remember: false }));

// The keyboard ------------------------------------------------------------------------------------------------

/** The next row, or the one before; beyond the list's end its next page, opened there. */
function step(by) {
  const all = rows();
  const at = all.indexOf(document.activeElement.closest?.(".row") ?? current());
  const row = all[at < 0 ? 0 : at + by];
  if (row) {
    row.focus();
    return show(row.href);
  }
  const page = document.querySelector(by > 0 ? ".pager [rel=next]" : ".pager [rel=prev]");
  if (page) location.assign(`${page.href}&open=${by > 0 ? "first" : "last"}`);
}

watchKeys({
  next: () => step(1),
  previous: () => step(-1),
  search: () => byId("filter-q").focus(),
  close: () => document.body.classList.contains("opened") && close(),
});

// Filters on a phone ------------------------------------------------------------------------------------------

const toggle = document.querySelector(".filter-toggle");

toggle.addEventListener("click", () => {
  const expanded = byId("filters").classList.toggle("expanded");
  toggle.setAttribute("aria-expanded", String(expanded));
});

current()?.scrollIntoView({ block: "nearest" });
