// Copy buttons: <button data-copy="id of what is copied"><span>Copy</span></button>

(() => {
  "use strict";

  const SAYS_SO_FOR = 2000; // milliseconds

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    const label = button.querySelector("span");
    const done = (await byClipboard(source.textContent)) || bySelection(source);
    label.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (label.textContent = "Copy"), SAYS_SO_FOR);
  });

  async function byClipboard(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false; // plain HTTP has no clipboard API
    }
  }

  // Leaves the text selected, so that it can be copied by hand if need be.
  function bySelection(source) {
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
})();
