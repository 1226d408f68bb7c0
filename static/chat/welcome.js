// The empty conversation: what the app says first, what it asks for, and questions to begin with.

import { call, wordsFor } from "./api.js";
import { byId, made, part } from "./dom.js";
import { askFor, asksForInputs } from "./inputs.js";
import { fragment, plain, rendered } from "./markdown.js";
import { t } from "./i18n.js";
import { allowUploads } from "./uploads.js";

let known = null;

/** Reads what the app offers, once. `choose(question)` when a suggested one is taken. Raises nothing. */
export async function loadWelcome(choose) {
  if (known) return;
  const greeting = byId("greeting");
  try {
    known = await call("GET", "parameters");
    allowUploads(known);
    askFor(known.user_input_form);
    byId("inputs").hidden = !asksForInputs();
    showQuestions(byId("first-questions"), known.suggested_questions ?? [], choose);
    greeting.replaceChildren(await opening(known.opening_statement || t("greeting")));
  } catch (error) {
    const failure = made("failure-template");
    part(failure, "words").textContent = wordsFor(error);
    part(failure, "retry").addEventListener("click", () => {
      greeting.replaceChildren(made("skeleton-template"));
      loadWelcome(choose);
    });
    greeting.replaceChildren(failure);
  }
}

async function opening(text) {
  try {
    return fragment((await rendered([text]))[0]);
  } catch {
    return plain(text);
  }
}

export function suggestsAfterAnswer() {
  return known?.suggested_questions_after_answer?.enabled !== false;
}

export function showWelcome(is) {
  byId("welcome").hidden = !is;
}

export function showQuestions(place, questions, choose) {
  const chips = questions.filter((question) => question.trim()).map((question) => chip(question, choose));
  place.replaceChildren(...chips);
  place.hidden = !chips.length;
}

function chip(question, choose) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  button.textContent = question;
  button.addEventListener("click", () => choose(question));
  return button;
}
