// The list of conversations beside the chat, or, where there is no room, over it.

import { byId } from "./dom.js";

const sidebar = byId("sidebar");
const narrow = matchMedia("(max-width: 760px)");
const embed = document.documentElement.classList.contains("embed");
let isOpen = false;

export function startDrawer() {
  byId("menu").addEventListener("click", () => setDrawer(true));
  byId("close-drawer").addEventListener("click", () => setDrawer(false));
  byId("scrim").addEventListener("click", () => setDrawer(false));
  sidebar.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.preventDefault();
    setDrawer(false);
  });
  narrow.addEventListener("change", () => arrange(false));
  arrange(false);
}

export function setDrawer(open) {
  if (open === isOpen || !overlays()) return;
  arrange(open);
  (open ? byId("close-drawer") : byId("menu")).focus();
}

function overlays() {
  return embed || narrow.matches;
}

function arrange(open) {
  isOpen = open && overlays();
  document.documentElement.classList.toggle("drawer-open", isOpen);
  byId("menu").setAttribute("aria-expanded", String(isOpen));
  sidebar.inert = overlays() && !isOpen;
  byId("main").inert = isOpen;
}
