// One question and its answer as it streams in.

import { ApiError, call, request } from "./api.js";
import { data } from "./data.js";
import { events } from "./stream.js";

export class Turn {
  constructor({ text, files = [], inputs = {}, conversationId = "" }) {
    this.text = text;
    this.files = files; // {type, id, name}
    this.inputs = inputs;
    this.conversationId = conversationId;
    this.messageId = "";
    this.taskId = "";
    this.answer = "";
    this.citations = [];
    this.stopping = false;
    this.agentSpoke = false;
    this.connection = new AbortController();
  }

  /** Calls `changed` after every event. Raises ApiError where the turn failed, or the connection did. */
  async run(changed) {
    const response = await request("POST", "chat", {
      body: this.body(),
      signal: this.connection.signal,
      headers: { Accept: "text/event-stream" },
    });
    for await (const event of this.heard(response)) {
      this.take(event);
      changed(this);
      if (event.event === "message_end") return;
      if (event.event === "error") throw new ApiError(event.code ?? "unknown", event.status);
    }
    throw new ApiError("network");
  }

  body() {
    const files = this.files.map(({ type, id }) => ({ type, transfer_method: "local_file", upload_file_id: id }));
    return {
      message: this.text,
      response_mode: "streaming",
      inputs: { ...this.inputs, language: data.lang },
      ...(this.conversationId ? { conversation_id: this.conversationId } : {}),
      ...(files.length ? { files } : {}),
    };
  }

  async *heard(response) {
    try {
      yield* events(response);
    } catch (error) {
      throw error.name === "AbortError" ? error : new ApiError("network");
    }
  }

  take(event) {
    this.conversationId = event.conversation_id || this.conversationId;
    this.messageId = event.message_id || this.messageId;
    this.taskId = event.task_id || this.taskId;
    this.answer = answerAfter(this, event);
    this.citations = event.metadata?.retriever_resources ?? this.citations;
    if (this.stopping) this.stop();
  }

  /** Stops it as soon as it has a name. */
  stop() {
    this.stopping = true;
    if (!this.taskId || this.told) return;
    this.told = true;
    stopTask(this.taskId).catch(() => {
      this.told = this.stopping = false;
    });
  }

  /** The gateway reads the answer to its end, whether we listen or not. */
  leave() {
    this.connection.abort();
  }
}

export function stopTask(taskId) {
  return call("POST", `chat/${taskId}/stop`, { body: {} });
}

function answerAfter(turn, event) {
  const text = event.answer ?? "";
  switch (event.event) {
    case "agent_message":
      turn.agentSpoke = true;
      return turn.answer + text;
    case "message": // a new-style agent repeats the whole answer in one message
      return turn.agentSpoke && text ? text : turn.answer + text;
    case "message_replace":
      return text;
    default:
      return turn.answer;
  }
}
