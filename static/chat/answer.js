// An answer: waiting, arriving, complete, stopped or failed.

import { citationsView } from "./citations.js";
import { copyButton } from "./copy.js";
import { made, part } from "./dom.js";
import { ratingButtons } from "./feedback.js";
import { t } from "./i18n.js";
import { LiveMarkdown, fragment } from "./markdown.js";
import { showTime } from "./question.js";

export class AnswerView {
  constructor(at = Math.floor(Date.now() / 1000)) {
    this.element = made("answer-template");
    this.body = part(this.element, "body");
    this.state = part(this.element, "state");
    this.text = "";
    this.at = at;
    this.live = null;
  }

  waiting() {
    this.element.setAttribute("aria-busy", "true");
    this.state.replaceChildren(made("thinking-template"));
  }

  arriving(text) {
    if (!text || this.text.startsWith(text)) return; // the process asked now may know less than the one before
    this.text = text;
    this.state.replaceChildren();
    this.body.classList.add("arriving");
    this.live ??= new LiveMarkdown(this.body);
    this.live.set(text);
  }

  /** `status` is answered or stopped; `html`, if the server has rendered it already. */
  async complete({ text, messageId, citations = [], rating = null, status = "answered", html }) {
    await this.settle(text, html);
    const notes = { stopped: t("stopped"), answered: text ? "" : t("empty_answer") };
    this.note(notes[status] ?? "");
    if (citations.length) part(this.element, "citations").replaceChildren(citationsView(citations));
    const actions = [];
    if (text) actions.push(copyButton(t("copy_answer"), () => text));
    if (text && messageId) actions.push(...ratingButtons(messageId, rating, part(this.element, "comment")));
    part(this.element, "buttons").replaceChildren(...actions);
    part(this.element, "actions").hidden = false;
    showTime(this.element, this.at);
  }

  /** `again()` puts the question once more; what came of the answer stays. */
  async failed({ text, words, again, html }) {
    await this.settle(text, html);
    const failure = made("failure-template");
    part(failure, "words").textContent = words;
    const button = part(failure, "retry");
    button.hidden = !again;
    button.addEventListener("click", () => again?.());
    this.state.replaceChildren(failure);
  }

  async settle(text, html) {
    this.text = text;
    if (html !== undefined) this.body.replaceChildren(fragment(html));
    else if (text) await (this.live ??= new LiveMarkdown(this.body)).finish(text);
    this.body.classList.remove("arriving");
    this.element.removeAttribute("aria-busy");
    this.state.replaceChildren();
  }

  note(words) {
    if (!words) return;
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = words;
    this.state.replaceChildren(note);
  }
}
