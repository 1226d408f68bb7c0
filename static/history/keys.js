// Single keys. They are silent while somebody types, with Ctrl and its like, and once they are switched off.

const STORED = "history-keys";
const ACTIONS = { j: "next", k: "previous", "/": "search", Escape: "close" };
const IN_LIST = { ArrowDown: "next", ArrowUp: "previous" }; // elsewhere, arrows scroll

/** `actions`: next, previous, search, close. */
export function watchKeys(actions) {
  const button = document.getElementById("keys-switch");
  let on = stored() !== "off";
  const say = () => {
    if (button) button.textContent = on ? "Turn keys off" : "Turn keys on";
  };
  say();
  button?.addEventListener("click", () => {
    on = !on;
    store(on ? "on" : "off");
    say();
  });
  addEventListener("keydown", (event) => {
    const name = action(event);
    if (!name || !(on || event.key === "Escape") || isBusy(event)) return;
    event.preventDefault();
    actions[name]();
  });
}

function action({ key, target }) {
  return ACTIONS[key] ?? (target.closest?.(".list-side") ? IN_LIST[key] : undefined);
}

function isBusy(event) {
  const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
  return typing || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey;
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // storage may be closed to us
  }
}

function store(value) {
  try {
    localStorage.setItem(STORED, value);
  } catch {
    // Then it counts for this page.
  }
}
