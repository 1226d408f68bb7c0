// Markdown becomes HTML on the server, where it is sanitised. What is finished of a streaming answer is rendered once
// and left alone; only its tail is rendered again as it grows.

import { call } from "./api.js";
import { data } from "./data.js";
import { copyButton } from "./copy.js";
import { t } from "./i18n.js";

const SHORTEST_PAUSE = 150; // milliseconds between two renderings of one answer
const BATCH = 200_000; // characters a request

export async function rendered(texts) {
  const html = [];
  for (const batch of batches(texts)) html.push(...(await call("POST", data.render, { body: { texts: batch } })).html);
  return html;
}

function* batches(texts) {
  let batch = [];
  let size = 0;
  for (const text of texts) {
    if (batch.length && (size + text.length > BATCH || batch.length === 100)) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(text);
    size += text.length;
  }
  if (batch.length) yield batch;
}

export function fragment(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html; // sanitised by the server, and the page's policy runs no script in it
  for (const block of holder.content.querySelectorAll("pre")) frameCode(block);
  for (const table of holder.content.querySelectorAll("div.table")) scrollable(table, t("table"));
  return holder.content;
}

/** As it was written, for when it cannot be rendered. */
export function plain(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "plain";
  paragraph.textContent = text;
  return paragraph;
}

function frameCode(block) {
  const figure = document.createElement("figure");
  const bar = document.createElement("figcaption");
  const language = document.createElement("span");
  figure.className = "code";
  language.textContent = block.dataset.language ?? "";
  bar.append(language, copyButton(t("copy_code"), () => block.textContent));
  block.replaceWith(figure);
  figure.append(bar, block);
  scrollable(block, t("code"));
}

function scrollable(element, label) {
  element.tabIndex = 0;
  element.setAttribute("role", "region");
  element.setAttribute("aria-label", label);
}

export class LiveMarkdown {
  constructor(element) {
    this.element = element;
    this.tail = document.createComment("");
    this.text = "";
    this.settled = 0; // characters that are rendered for good
    this.shown = "";
    this.busy = null;
    this.dropped = false;
    element.append(this.tail);
  }

  set(text) {
    if (!text.startsWith(this.text.slice(0, this.settled))) this.startOver();
    this.text = text;
    this.busy ??= this.work().finally(() => (this.busy = null));
  }

  /** The last word. Resolves when all of it is shown. */
  async finish(text) {
    this.set(text);
    await this.busy;
    if (this.shown !== text) {
      this.set(text);
      await this.busy;
    }
  }

  async work() {
    while (this.shown !== this.text && !this.dropped) {
      const begun = performance.now();
      await this.render(this.text);
      await new Promise((resolve) => setTimeout(resolve, Math.max(SHORTEST_PAUSE, 2 * (performance.now() - begun))));
    }
  }

  async render(text) {
    const settled = boundary(text, this.settled);
    const pieces = [text.slice(this.settled, settled), text.slice(settled)];
    let parts;
    try {
      parts = (await rendered(pieces)).map(fragment);
    } catch {
      parts = ["", plain(text.slice(this.settled))];
    }
    if (!text.startsWith(this.text.slice(0, this.settled)) && this.settled) return;
    while (this.tail.nextSibling) this.tail.nextSibling.remove();
    if (parts[0]) {
      this.tail.before(parts[0]);
      this.settled = settled;
    }
    this.tail.after(parts[1]);
    this.shown = text;
    this.element.dispatchEvent(new Event("grown", { bubbles: true }));
  }

  startOver() {
    this.settled = 0;
    this.element.replaceChildren(this.tail);
  }
}

// A line that can only begin a block of its own, so that what stands before the blank line above it cannot change.
const NEW_BLOCK = /^(#{1,6} |\*\*[^\s*]|[^\s>|\-*+\d`~=<[\]:_$!#(.\\])/;
const FENCE = /^\s{0,3}(`{3,}|~{3,})/;

/** Where the finished part of `text` ends, at or after `from`, which is such a place itself. */
export function boundary(text, from) {
  let found = from;
  let fence = "";
  let blank = false;
  let at = from;
  for (const line of text.slice(from).split(/(?<=\n)/)) {
    const mark = FENCE.exec(line)?.[1];
    if (fence) {
      if (mark?.startsWith(fence) && !line.trim().slice(mark.length)) fence = "";
    } else if (mark) {
      fence = mark;
    } else if (blank && NEW_BLOCK.test(line)) {
      found = at;
    }
    blank = !fence && !line.trim();
    at += line.length;
  }
  return found;
}
