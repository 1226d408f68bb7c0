// Thumbs up and down, and a word on what was wrong.

import { call, wordsFor } from "./api.js";
import { announce, iconButton, made, part, setLabel } from "./dom.js";
import { t } from "./i18n.js";
import { notice } from "./snackbar.js";

const RATINGS = ["like", "dislike"];

export function ratingButtons(messageId, rating, place) {
  const buttons = RATINGS.map((name) => iconButton(name, t(name)));
  let now = rating;
  show(buttons, now);
  buttons.forEach((button, index) =>
    button.addEventListener("click", async () => {
      const before = now;
      now = now === RATINGS[index] ? null : RATINGS[index];
      show(buttons, now);
      place.replaceChildren();
      if (!(await sent(messageId, now))) show(buttons, (now = before));
      else if (now === "dislike") askWhy(messageId, place);
      else announce(now ? t("thanks") : t("rating_removed"));
    }),
  );
  return buttons;
}

function show(buttons, rating) {
  RATINGS.forEach((name, index) => {
    buttons[index].setAttribute("aria-pressed", String(name === rating));
    setLabel(buttons[index], t(name));
  });
}

async function sent(messageId, rating, content = "") {
  try {
    await call("POST", `messages/${messageId}/feedback`, { body: { rating, ...(content ? { content } : {}) } });
    return true;
  } catch (error) {
    notice(wordsFor(error));
    return false;
  }
}

function askWhy(messageId, place) {
  const form = made("comment-template");
  const input = part(form, "input");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!input.value.trim() || !(await sent(messageId, "dislike", input.value.trim()))) return;
    place.replaceChildren();
    notice(t("thanks"));
  });
  part(form, "close").addEventListener("click", () => place.replaceChildren());
  place.replaceChildren(form);
  input.focus();
}
