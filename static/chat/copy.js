// Copy buttons, also where the clipboard API is not allowed, as in most third-party frames.

import { announce, iconButton, setIcon, setLabel } from "./dom.js";
import { t } from "./i18n.js";

const SAYS_SO_FOR = 2000; // milliseconds

export function copyButton(label, text) {
  const button = iconButton("copy", label);
  button.addEventListener("click", () => copied(button, label, text()));
  return button;
}

async function copied(button, label, text) {
  const done = (await byClipboard(text)) || bySelection(text);
  const outcome = done ? t("copied") : t("copy_failed");
  setIcon(button, done ? "check" : "copy");
  setLabel(button, outcome);
  announce(outcome);
  setTimeout(() => {
    setIcon(button, "copy");
    setLabel(button, label);
  }, SAYS_SO_FOR);
}

async function byClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function bySelection(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "sr-only";
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return done;
}
