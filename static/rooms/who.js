// Who this tab is: the form, what it remembers over a reload, and how the gateway is told.

import { data } from "../chat/data.js";
import { byId } from "../chat/dom.js";
import { tokenFor } from "./rest.js";

const KEPT = "rooms-test:who";
const IDENTITY = ["user_id", "nickname", "email", "profile_url"];

const form = byId("who");
const proof = byId("proof");

/** Filled from the address (`?user_id=bob&nickname=Bob`), else from what this tab was before. */
export function startWho() {
  const address = new URLSearchParams(location.search);
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") field.checked = kept[field.name] ?? false;
    else field.value = address.get(field.name) ?? kept[field.name] ?? "";
  }
  proof.open = form.elements.token.value !== "";
  form.addEventListener("input", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("make-token")?.addEventListener("click", makeToken);
}

function keep() {
  const { token, plain } = form.elements;
  sessionStorage.setItem(KEPT, JSON.stringify({ ...identity(), token: token.value, plain: plain.checked }));
  byId("who-problem").textContent = "";
}

export function identity() {
  return Object.fromEntries(IDENTITY.map((name) => [name, form.elements[name].value.trim()]));
}

export function me() {
  return identity().email;
}

/** Whether to do without ids and without catching up, as clients that know nothing of them. */
export function isPlain() {
  return form.elements.plain.checked;
}

/** What goes into a query: the token, or the identity itself. */
export function credentials() {
  const token = form.elements.token.value.trim();
  if (token) return { token };
  return Object.fromEntries(Object.entries(identity()).filter(([, value]) => value));
}

/** Says what is missing, and where. A token says who it is by itself. */
export function isSomebody() {
  const wrong = form.elements.token.value.trim() ? null : [...form.elements].find((field) => !field.checkValidity());
  byId("who-problem").textContent = wrong ? `${wrong.name}: ${wrong.validationMessage}` : "";
  wrong?.focus();
  return !wrong;
}

async function makeToken() {
  const problem = byId("token-problem");
  problem.textContent = "";
  try {
    form.elements.token.value = await tokenFor({ ...identity(), system: byId("system").value }, data);
    keep();
  } catch (error) {
    problem.textContent = error.message;
  }
}
