// The conversation that is open: its messages, older ones on scroll, answers that are still running.

import { page } from "./api.js";
import { AnswerView } from "./answer.js";
import { data } from "./data.js";
import { byId } from "./dom.js";
import { rendered } from "./markdown.js";
import { questionView } from "./question.js";
import { keepingPlace } from "./scroll.js";

const PAGE = 20; // questions
const FIRST_LOOK = 1000; // milliseconds
const LATER_LOOKS = 3000;
const MISSES = 3; // looks after which a turn that is in no list any more counts as failed

const place = byId("messages");
const older = byId("older");

/** One opened conversation. `close` it before the next one. */
export class Thread {
  /** `resend(text)` is called by the buttons; `settled(turn)` when an answer that ran has ended. */
  constructor(id, { resend, settled }) {
    this.id = id;
    this.resend = resend;
    this.settled = settled;
    this.next = "";
    this.closed = false;
    this.latest = null;
    this.loading = null;
    this.watcher = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && this.loadOlder(), {
      root: byId("log"),
      rootMargin: "300px",
    });
  }

  close() {
    this.closed = true;
    this.watcher.disconnect();
    clearTimeout(this.timer);
    older.hidden = true;
  }

  /** Shows the newest messages and answers the last turn. Raises ApiError. */
  async load() {
    const { turns, next } = await this.read(`conversations/${this.id}/messages?limit=${PAGE}`);
    const views = await this.views(turns);
    if (this.closed) return null;
    place.replaceChildren(...views);
    this.next = next;
    older.hidden = !next;
    this.watcher.observe(older);
    this.latest = turns.at(-1) ?? null;
    this.watch(turns.filter(isRunning));
    return this.latest;
  }

  async read(path) {
    const { rows, next } = await page(path);
    const turns = [];
    for (let at = 0; at + 1 < rows.length; at += 2) turns.push({ question: rows[at], answer: rows[at + 1] });
    return { turns, next };
  }

  async loadOlder() {
    if (!this.next || this.loading || this.closed) return;
    this.loading = this.read(this.next);
    try {
      const { turns, next } = await this.loading;
      const views = await this.views(turns);
      if (this.closed) return;
      keepingPlace(() => place.prepend(...views));
      this.next = next;
      older.hidden = !next;
    } catch {
      // Scrolling there again tries again.
    } finally {
      this.loading = null;
    }
  }

  async views(turns) {
    const html = await rendered(turns.map(({ answer }) => (isRunning({ answer }) ? "" : answer.content))).catch(() => null);
    return turns.flatMap((turn, index) => this.pair(turn, html ? html[index] : undefined));
  }

  pair(turn, html) {
    const { question, answer } = turn;
    const text = question.content;
    const asked = questionView({ text, files: question.files, at: question.created_at, resend: () => this.resend(text) });
    turn.view = new AnswerView(answer.created_at);
    turn.view.element.dataset.messageId = answer.message_id;
    if (isRunning(turn)) this.showRunning(turn);
    else this.showEnded(turn, html);
    return [asked, turn.view.element];
  }

  showRunning({ view, answer }) {
    view.waiting();
    view.arriving(answer.content);
  }

  showEnded({ view, question, answer }, html) {
    const { content: text, message_id: messageId, citations, feedback: rating, status } = answer;
    const again = () => this.resend(question.content);
    if (status === "failed") return view.failed({ text, words: data.texts.failed_before, again, html });
    return view.complete({ text, messageId, citations, rating, status, html });
  }

  /** Looks again, ever more rarely, until nothing of this runs any more. */
  watch(turns, pause = FIRST_LOOK) {
    this.running = turns;
    if (!turns.length || this.closed) return;
    this.timer = setTimeout(() => this.look(turns, Math.min(1.15 * pause, LATER_LOOKS)), pause);
  }

  async look(turns, pause) {
    let left = turns;
    try {
      const fresh = (await this.read(`conversations/${this.id}/messages?limit=5`)).turns;
      if (!this.closed) left = turns.filter((turn) => !this.moved(turn, fresh));
    } catch {
      // Offline, or Dify is away for a moment: the next look may do better.
    }
    if (!this.closed) this.watch(left, pause);
  }

  /** Shows what is new about a running turn. True if it has ended. */
  moved(turn, fresh) {
    const now = fresh.find(({ answer, question }) => isSame(turn, answer, question));
    turn.missed = now ? 0 : (turn.missed ?? 0) + 1;
    const answer = now?.answer ?? turn.answer;
    if (turn.missed === MISSES || (tooOld(turn) && isRunning({ answer }))) {
      return this.end(turn, { ...answer, status: "failed" });
    }
    if (!isRunning({ answer })) return this.end(turn, answer);
    turn.answer = answer;
    turn.view.arriving(answer.content);
    return false;
  }

  end(turn, answer) {
    turn.answer = answer;
    turn.view.element.dataset.messageId = answer.message_id;
    this.showEnded(turn);
    this.settled(turn);
    return true;
  }
}

export function isRunning({ answer }) {
  return answer.status === "pending";
}

function isSame(turn, answer, question) {
  if (turn.answer.message_id && answer.message_id) return turn.answer.message_id === answer.message_id;
  return question.content === turn.question.content && question.created_at >= turn.question.created_at - 5;
}

/** Nothing runs this long: the process that ran it must have ended. */
function tooOld(turn) {
  return Date.now() / 1000 - turn.question.created_at > data.turnSeconds + 60;
}
