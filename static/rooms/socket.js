// A line to a room that comes back by itself. With ids it misses nothing and says nothing twice: what was not
// confirmed is said again under the id it had, and `since` asks for what came meanwhile.

const FIRST_WAIT = 500; // milliseconds, doubled each time
const LONGEST_WAIT = 10_000;
const REFUSED = "The connection was refused: there is no such room, or this page may not connect.";

export class Line {
  /** `address(since)` is where to connect; `plain` does without ids; `on` hears state, frame and wire. */
  constructor(address, { plain, since, on }) {
    Object.assign(this, { address, plain, on, last: since, waiting: new Map(), wait: FIRST_WAIT, ended: false });
    this.wasOpen = false;
    this.complaint = ""; // of the last error frame, which comes before the gateway closes
    this.connect();
  }

  connect() {
    this.on.state("connecting");
    const socket = new WebSocket(this.address(this.plain ? null : this.last));
    socket.addEventListener("open", () => this.opened());
    socket.addEventListener("message", (event) => this.heard(event.data));
    socket.addEventListener("close", (event) => this.closed(socket, event));
    this.socket = socket;
  }

  opened() {
    this.wasOpen = true;
    this.on.wire("note", "connected");
    this.on.state("open");
    for (const frame of this.waiting.values()) this.put(frame);
  }

  /** Returns the id under which the message waits for its confirmation; none in plain mode. */
  say(message) {
    const frame = { type: "chat.message", message };
    if (!this.plain) {
      frame.client_id = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
      this.waiting.set(frame.client_id, frame);
    }
    this.put(frame);
    return frame.client_id;
  }

  put(frame) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    const text = JSON.stringify(frame);
    this.on.wire("sent", text);
    this.socket.send(text);
  }

  heard(text) {
    this.on.wire("received", text);
    this.wait = FIRST_WAIT;
    const frame = JSON.parse(text);
    if (frame.type === "error") this.refusedOne(frame);
    if (frame.type === "message.stored") this.waiting.delete(frame.client_id);
    if (frame.type === "chat.message" && frame.id) {
      if (frame.id <= this.last) return;
      this.last = frame.id;
    }
    this.on.frame(frame);
  }

  /** Answers come in the order of what was said, so it is about the oldest that waits. */
  refusedOne(frame) {
    const [oldest] = this.waiting.keys();
    this.waiting.delete(oldest);
    frame.client_id ??= oldest;
    this.complaint = frame.detail;
  }

  closed(socket, { code, reason }) {
    if (socket !== this.socket) return;
    this.on.wire("note", `closed with ${code} ${reason}`.trim());
    if (this.ended) return;
    const final = code >= 4400 && code < 4500;
    if (final || !this.wasOpen) return this.on.state("refused", final ? this.complaint || reason : REFUSED);
    this.on.state("lost");
    this.timer = setTimeout(() => this.connect(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    this.socket.close(1000);
  }
}
