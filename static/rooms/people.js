// Who has been seen in the room, as far as the frames tell: a join, a message, a leave.

import { byId } from "../chat/dom.js";

const here = new Set();

export function forgetPeople() {
  here.clear();
  show();
}

export function came(name) {
  here.add(name);
  show();
}

export function went(name) {
  here.delete(name);
  show();
}

function show() {
  byId("here").hidden = here.size === 0;
  byId("people").replaceChildren(
    ...[...here].map((name) => {
      const shown = document.createElement("li");
      shown.textContent = name;
      return shown;
    }),
  );
}
