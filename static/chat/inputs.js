// What an app wants to know before the first message of a conversation.

import { byId, made, part } from "./dom.js";
import { t } from "./i18n.js";

const ASKED = ["text-input", "paragraph", "select", "number"];
const LANGUAGE = "language"; // the page answers this one itself

let fields = [];

/** `form`: user_input_form of the app's parameters: [{"text-input": {variable, label, …}}, …]. */
export function askFor(form = []) {
  fields = form
    .map((entry) => Object.entries(entry)[0])
    .filter(([kind, field]) => ASKED.includes(kind) && field.variable !== LANGUAGE)
    .map(([kind, field]) => ({ kind, ...field, element: control(kind, field) }));
  byId("inputs-fields").replaceChildren(...fields.map(labelled));
}

export function asksForInputs() {
  return fields.length > 0;
}

export function startInputs() {
  byId("inputs").addEventListener("submit", (event) => event.preventDefault());
  byId("inputs").addEventListener("input", (event) => showProblem(event.target, ""));
}

function control(kind, field) {
  const element = document.createElement(kind === "select" ? "select" : kind === "paragraph" ? "textarea" : "input");
  element.id = `input-${field.variable}`;
  element.name = field.variable;
  element.required = Boolean(field.required);
  if (kind === "number") element.type = "number";
  if (field.max_length > 0 && kind !== "number" && kind !== "select") element.maxLength = field.max_length;
  if (kind === "select") element.append(...["", ...(field.options ?? [])].map((value) => new Option(value || "—", value)));
  element.value = field.default ?? "";
  return element;
}

function labelled(field) {
  const row = made("field-template");
  const label = part(row, "label");
  label.htmlFor = field.element.id;
  label.textContent = field.label || field.variable;
  part(row, "optional").hidden = Boolean(field.required);
  part(row, "problem").id = `${field.element.id}-problem`;
  part(row, "problem").before(field.element);
  return row;
}

function showProblem(element, words) {
  const problem = part(element.parentElement, "problem");
  problem.textContent = words;
  element.setAttribute("aria-invalid", String(Boolean(words)));
  if (words) element.setAttribute("aria-describedby", problem.id);
  else element.removeAttribute("aria-describedby");
}

/** The values, or null after showing what is missing. */
export function inputValues() {
  const wrong = fields.find(({ element }) => !element.checkValidity());
  if (wrong) {
    showProblem(wrong.element, wrong.element.validity.valueMissing ? t("field_required") : t("field_invalid"));
    wrong.element.focus();
    return null;
  }
  const given = fields.filter(({ element }) => element.value !== "");
  return Object.fromEntries(given.map(({ kind, variable, element }) => [variable, valueOf(kind, element)]));
}

function valueOf(kind, element) {
  return kind === "number" ? element.valueAsNumber : element.value;
}
