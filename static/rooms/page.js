// The test page of rooms: puts its parts together.

import { data } from "../chat/data.js";
import { byId, made, part } from "../chat/dom.js";
import { setDrawer, startDrawer } from "../chat/drawer.js";
import { toEnd, watchScroll } from "../chat/scroll.js";
import { clearMessages, confirmed, heardOwn, keepUnconfirmedLast, refused, showEvent, showMessage, showUnconfirmed } from "./messages.js";
import { came, forgetPeople, went } from "./people.js";
import { createRoom, listRooms, readRoom } from "./rest.js";
import { Line } from "./socket.js";
import { credentials, identity, isPlain, isSomebody, me, startWho } from "./who.js";
import { noteFrame, startWire } from "./wire.js";

const STATES = { idle: "not connected", connecting: "connecting", open: "connected", lost: "reconnecting", refused: "refused" };

const input = byId("input");
let room = null;
let line = null;

// Rooms -----------------------------------------------------------------------------------------------------------

async function showRooms() {
  if (!isSomebody()) return;
  await trying(async () => {
    const rooms = await listRooms(credentials());
    byId("rooms").replaceChildren(...rooms.map(roomRow));
    byId("rooms-empty").hidden = rooms.length > 0;
  });
}

function roomRow({ id, name }) {
  const row = made("room-template");
  const button = part(row, "link");
  button.textContent = name || id;
  button.title = id;
  if (id === room?.id) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => enter(id));
  return row;
}

async function create(event) {
  event.preventDefault();
  if (!isSomebody()) return;
  await trying(async () => {
    const made = await createRoom(credentials(), byId("room-name").value.trim());
    byId("room-name").value = "";
    await enter(made.id);
    await showRooms();
  });
}

async function enter(id) {
  if (!isSomebody()) return;
  await trying(async () => {
    const found = await readRoom(credentials(), id);
    leave();
    room = found;
    byId("title").textContent = found.name || found.id;
    history.replaceState(null, "", `?${new URLSearchParams({ room: found.id })}`);
    for (const button of byId("rooms").querySelectorAll("button")) {
      button.toggleAttribute("aria-current", button.title === found.id);
    }
    setDrawer(false);
    clearMessages();
    found.messages.forEach((message) => showMessage(message, message.sender === me()));
    toEnd();
    connect(found.messages.at(-1)?.id ?? 0);
  });
}

/** Shows what went wrong beside the list of rooms. */
async function trying(what) {
  byId("rooms-problem").textContent = "";
  try {
    await what();
  } catch (error) {
    byId("rooms-problem").textContent = error.message;
    setDrawer(true);
  }
}

// The line --------------------------------------------------------------------------------------------------------

function connect(since) {
  const on = { state: showState, frame: hear, wire: noteFrame };
  line = new Line(address(room.id), { plain: isPlain(), since, on });
  byId("leave").hidden = false;
}

function address(id) {
  const who = credentials();
  return (since) => {
    const query = new URLSearchParams(since === null ? who : { ...who, since });
    return `${data.socket}/ws/chat/${encodeURIComponent(id)}/chat/?${query}`;
  };
}

function leave() {
  line?.end();
  line = null;
  forgetPeople();
  byId("leave").hidden = true;
  showState("idle");
}

function showState(state, why = "") {
  byId("state").dataset.state = state;
  byId("state-words").textContent = STATES[state];
  byId("banner").hidden = state !== "lost" && state !== "refused";
  byId("banner-words").textContent = why || "The connection was lost. What you write is kept and sent later.";
  byId("again").hidden = state !== "refused";
  const mayWrite = state === "open" || (state === "lost" && !line?.plain) || (state === "connecting" && line?.wasOpen);
  input.disabled = !mayWrite;
  input.placeholder = mayWrite ? "Write to the room" : "Enter a room to write";
  if (state === "lost") forgetPeople();
  refreshComposer();
}

function hear(frame) {
  if (frame.type === "chat.message") {
    if (frame.sender === me()) heardOwn(frame.message);
    showMessage(frame, frame.sender === me());
    came(frame.nickname || frame.sender);
    if (frame.sender === me()) toEnd();
  } else if (frame.type === "message.stored") confirmed(frame.client_id);
  else if (frame.type === "error") refused(frame);
  else if (frame.type === "chat.user.join") {
    came(frame.username);
    showEvent(`${frame.username} joined`);
  } else if (frame.type === "chat.user.leave") {
    went(frame.username);
    showEvent(`${frame.username} left`);
  }
  keepUnconfirmedLast();
}

// Writing ---------------------------------------------------------------------------------------------------------

function send() {
  const message = input.value;
  if (!line || input.disabled || !message.trim()) return;
  const clientId = line.say(message);
  const { email, nickname } = identity();
  if (clientId) showUnconfirmed(clientId, { message, sender: email, nickname });
  input.value = "";
  refreshComposer();
  toEnd();
}

function refreshComposer() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
  byId("send").disabled = input.disabled || !input.value.trim();
}

function wire() {
  watchScroll();
  startDrawer();
  startWho();
  startWire();
  byId("refresh").addEventListener("click", showRooms);
  byId("create").addEventListener("submit", create);
  byId("by-id").addEventListener("submit", (event) => {
    event.preventDefault();
    enter(byId("room-id").value.trim());
  });
  byId("leave").addEventListener("click", leave);
  byId("again").addEventListener("click", () => enter(room.id));
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  input.addEventListener("input", refreshComposer);
  input.addEventListener("keydown", (event) => {
    const composing = event.isComposing || event.keyCode === 229; // Korean, Japanese and Chinese end a word so
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    send();
  });
}

wire();
const asked = new URLSearchParams(location.search).get("room");
const known = identity().user_id || credentials().token;
if (known) showRooms();
if (known && asked) enter(asked);
else setDrawer(true);
byId("room-id").value = asked ?? "";
