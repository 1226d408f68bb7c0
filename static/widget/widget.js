/* The chat widget: a button and a panel on any page. How to use it: /guides/drillquiz.
   It loads nothing until it is opened, and a strict Content-Security-Policy has to name only the gateway. */
(() => {
  "use strict";

  const script = document.currentScript;
  const api = (window.ChatGateway = window.ChatGateway || {}); // the page may have put getToken there before
  if (api.open) return; // the tag is there twice

  const options = script.dataset;
  const gateway = new URL(script.src).origin;
  const lang = options.lang || document.documentElement.lang || navigator.language || "en";
  const source = "chat-gateway"; // marks messages and what is stored as ours
  const visitorKey = `${source}.visitor.${options.systemId}`;
  const listening = new AbortController();
  let user = { id: options.userId, hash: options.userHash };
  let start = options.start;
  let visitor; // who a logged-out visitor was the last time
  let frame = null;
  let frameReady, opener; // opener: where the focus came from
  let attempt = 0;

  // What is said before the gateway has been asked for anything.
  const texts = {
    en: ["Chat", "Open chat", "Close chat", "The chat could not be opened. Please try again in a moment.", "Opening the chat…"],
    es: ["Chat", "Abrir el chat", "Cerrar el chat", "No se ha podido abrir el chat. Inténtalo de nuevo en un momento.", "Abriendo el chat…"],
    ko: ["채팅", "채팅 열기", "채팅 닫기", "채팅을 열 수 없습니다. 잠시 후 다시 시도해 주세요.", "채팅을 여는 중입니다…"],
    zh: ["聊天", "打开聊天", "关闭聊天", "无法打开聊天。请稍后再试。", "正在打开聊天…"],
    ja: ["チャット", "チャットを開く", "チャットを閉じる", "チャットを開けませんでした。しばらくしてからもう一度お試しください。", "チャットを開いています…"],
  };
  const [title, opens, closes, tokenError, loading] = texts[lang.slice(0, 2).toLowerCase()] || texts.en;
  const text = { title: options.title || title, open: opens, close: closes, tokenError, loading };

  const css = `
:host { all: initial; --accent: #1f5fd6; --ink: #fff }
[hidden] { display: none !important }
.launcher, .panel { position: fixed; z-index: 2147483000; right: 20px; bottom: 20px }
.left > * { right: auto; left: 20px }
button { display: grid; place-items: center; border: 0; padding: 0; cursor: pointer; background: var(--accent); color: var(--ink) }
button:focus-visible { outline: 3px solid; outline-offset: -7px }
svg { width: 26px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round }
.launcher { width: 56px; height: 56px; border-radius: 50%; box-shadow: 0 4px 16px #0005 }
.panel { bottom: 88px; width: min(400px, 100vw - 40px); height: min(640px, 100dvh - 108px);
  display: flex; flex-direction: column; overflow: hidden; border-radius: 14px; box-shadow: 0 8px 40px #0006; outline: 0;
  background: Canvas; color: CanvasText; color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
header { display: flex; align-items: center; background: var(--accent); color: var(--ink) }
header button { width: 48px; height: 48px }
header b { flex: 1; padding-left: 16px }
p { position: absolute; inset: 40% 24px auto; margin: 0; text-align: center; text-wrap: balance }
iframe { flex: 1; border: 0; min-height: 0 }
@media (max-width: 480px) {
  .panel { inset: 0; width: auto; height: 100dvh; border-radius: 0 }
  .open .launcher { display: none }
}
@media (prefers-reduced-motion: no-preference) {
  .panel { animation: rise 0.18s ease-out }
  @keyframes rise { from { opacity: 0; transform: translateY(12px) } }
}
@media print { :host { display: none } }`;

  function element(name, attributes, ...children) {
    const space = name === "svg" || name === "path" ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
    const made = document.createElementNS(space, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    made.append(...children);
    return made;
  }

  const icon = (d) => element("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, element("path", { d }));
  const cross = "M6 6l12 12M18 6L6 18";
  const bubble = "M4 5h16v12h-8l-5 4v-4H4z";

  const host = element("div", { lang });
  const button = element("button", { class: "launcher", type: "button", "aria-controls": "panel" });
  const heading = element("b");
  const closer = element("button", { type: "button" }, icon(cross));
  const note = element("p", { role: "status" });
  const bar = element("header", {}, heading, closer); // until the chat is there, which has a bar of its own
  const panel = element("div", { class: "panel", id: "panel", role: "dialog", tabindex: "-1" }, bar, note);
  const box = element("div", { class: options.position }, button, panel);

  function label() {
    const isOpen = !panel.hidden;
    button.setAttribute("aria-expanded", isOpen);
    button.setAttribute("aria-label", isOpen ? text.close : text.open);
    button.replaceChildren(icon(isOpen ? cross : bubble));
    box.classList.toggle("open", isOpen);
    closer.setAttribute("aria-label", text.close);
    panel.setAttribute("aria-label", text.title);
    heading.textContent = text.title;
  }

  function say(words) {
    note.textContent = words;
    note.hidden = !words;
  }

  function remembered() {
    try { return visitor || localStorage[visitorKey]; } catch { return visitor; } // storage may be blocked
  }

  function remember(value) {
    visitor = value;
    try { localStorage[visitorKey] = value; } catch { /* then only this page knows */ }
  }

  async function fetchToken() {
    if (api.getToken) return api.getToken();
    const known = user.id && user.id !== "anonymous";
    const who = known ? { user_id: user.id, user_hash: user.hash || "" } : { visitor: remembered() || "" };
    const query = new URLSearchParams({ system_id: options.systemId, ...who });
    const headers = { "X-API-Key": options.key };
    const response = await fetch(`${gateway}/v1/chat-token?${query}`, { headers, credentials: "omit" });
    const answer = await response.json();
    if (!response.ok) throw Error(answer.detail);
    if (answer.visitor) remember(answer.visitor);
    return answer.token;
  }

  async function withToken(use) {
    const mine = ++attempt; // a later one, or another user, makes this one void
    try {
      const token = await fetchToken();
      if (!token) throw Error("getToken gave no token");
      if (mine === attempt) use(token);
    } catch (error) {
      console.error("ChatGateway:", error);
      if (mine !== attempt) return;
      unload(); // so that the next opening tries again
      say(text.tokenError);
    }
  }

  function load() {
    say(text.loading);
    withToken((token) => {
      const src = `${gateway}/chat?${new URLSearchParams({ token, embed: 1, lang })}`;
      frame = element("iframe", { title: text.title, allow: "clipboard-write", src });
      frame.addEventListener("load", () => say(""));
      panel.append(frame);
    });
  }

  function unload() {
    attempt++;
    frame?.remove();
    frame = frameReady = null;
    bar.hidden = false;
  }

  function post(message) {
    frame.contentWindow.postMessage({ source, ...message }, gateway);
  }

  function ready() {
    frameReady = bar.hidden = true;
    say("");
    sendStart();
    if (!panel.hidden && document.activeElement === host) frame.focus(); // unless the visitor went elsewhere meanwhile
  }

  function sendStart() {
    if (frameReady && start) post({ type: "start", message: start });
    if (frameReady) start = "";
  }

  function heard({ source: from, origin, data }) {
    if (!frame || from !== frame.contentWindow || origin !== gateway || data?.source !== source) return;
    if (data.type === "ready") ready();
    if (data.type === "token-expired") withToken((token) => post({ type: "token", token }));
    if (data.type === "close") api.close();
  }

  Object.assign(api, {
    open(message) {
      if (typeof message === "string") start = message;
      if (panel.hidden) {
        opener = document.activeElement;
        panel.hidden = false;
        label();
        panel.focus();
        if (!frame) load();
        else if (frameReady) frame.focus();
      }
      sendStart();
    },
    close() {
      if (panel.hidden) return;
      panel.hidden = true;
      label();
      (opener?.isConnected && opener !== document.body && opener !== host ? opener : button).focus();
    },
    toggle: () => (panel.hidden ? api.open() : api.close()),
    setUser(id, hash) {
      user = { id, hash };
      unload();
      if (!panel.hidden) load();
    },
    remove() {
      listening.abort();
      host.remove();
      delete window.ChatGateway;
    },
  });

  function paint() {
    if (!CSS.supports("color", options.color)) return;
    host.style.setProperty("--accent", options.color);
    const rgb = getComputedStyle(button).backgroundColor.match(/[\d.]+/g);
    const [red, green, blue] = rgb.map((part) => (part / 255) ** 2.2);
    if (0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179) host.style.setProperty("--ink", "#000");
  }

  function mount() {
    document.body.append(host);
    paint();
  }

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  root.append(box);
  panel.hidden = true;
  button.hidden = options.launcher === "off";
  label();
  const { signal } = listening;
  button.addEventListener("click", api.toggle);
  closer.addEventListener("click", api.close);
  addEventListener("message", heard, { signal });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented) api.close();
  }, { signal });
  if (document.body) mount();
  else addEventListener("DOMContentLoaded", mount, { signal });
})();
