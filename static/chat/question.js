// A question as it stands in the conversation, with what can be done with it.

import { copyButton } from "./copy.js";
import { iconButton, made, part } from "./dom.js";
import { fileSize, fullTime, shortTime, t } from "./i18n.js";

/** `files`: {name?, filename?, type, size?, preview?}; `resend()` is called by the button. */
export function questionView({ text, files = [], at, resend }) {
  const view = made("question-template");
  part(view, "text").textContent = text;
  part(view, "files").append(...files.map(fileChip));
  showTime(view, at);
  const again = iconButton("resend", t("resend"));
  again.addEventListener("click", resend);
  part(view, "actions").append(copyButton(t("copy_question"), () => text), again);
  return view;
}

export function showTime(view, at) {
  const time = part(view, "time");
  time.dateTime = new Date(at * 1000).toISOString();
  time.textContent = shortTime(at);
  time.title = fullTime(at);
}

export function fileChip(file) {
  const chip = made("file-template");
  const name = file.name || file.filename || t(file.type === "image" ? "an_image" : "a_file");
  part(chip, "name").textContent = name;
  part(chip, "size").textContent = file.size ? fileSize(file.size) : "";
  if (file.preview) {
    const picture = document.createElement("img");
    picture.src = file.preview;
    picture.alt = "";
    part(chip, "picture").replaceChildren(picture);
  }
  return chip;
}
