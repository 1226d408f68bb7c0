"""The sequence of events each kind of app sends, from the first byte to the end of the connection."""

from collections.abc import Callable, Iterator
from typing import Any

from dify.standin import details
from dify.standin.exchange import CutError
from dify.standin.provider import ProviderFailedError, broke_off
from dify.standin.turns import PING, Turn
from dify.standin.workflow import Run

Events = Iterator[bytes]
REPLACEMENT = "This answer was withheld by moderation."
THOUGHTS = ("The user asks something. ", "I will answer in the same language.")


def stream(turn: Turn) -> Events:
    """All events of the turn. Closing it early is what a caller does who leaves: then nothing is kept."""
    turn.world.running[turn.task_id] = turn
    try:
        yield from SEQUENCES[turn.app.mode](turn)
        yield from after_the_end(turn)
    finally:
        turn.world.running.pop(turn.task_id, None)
        turn.name_conversation()


def chat(turn: Turn) -> Events:
    try:
        yield from turn.before_first_token()
        yield from reasoning(turn)
        yield from answer(turn, "message", from_variable_selector=None)
    except ProviderFailedError as failure:
        yield failed(turn, failure)
        return
    yield from ended(turn)


def agent(turn: Turn) -> Events:
    thought = details.thought()
    try:
        yield from turn.before_first_token()
        yield turn.event("agent_thought", **thought)
        yield from answer(turn, "agent_message")
    except ProviderFailedError as failure:
        yield failed(turn, failure)
        return
    turn.message.thoughts.append(details.stored_thought(turn.message, thought))
    yield from ended(turn)


def chatflow(turn: Turn) -> Events:
    version = turn.world.version
    run = new_run(turn)
    if version.chatflow_pings_first:
        yield PING
    yield workflow_event(turn, run, "workflow_started", version.workflow.started(run))
    yield from start_node(turn, run)
    yield node_started(turn, run, "llm")
    try:
        yield from turn.before_first_token()
        yield from reasoning(turn)
        yield from answer(turn, "message", from_variable_selector=["llm", "text"])
    except ProviderFailedError as failure:
        yield from chatflow_failed(turn, run, failure)
        return
    yield from chatflow_ended(turn, run)


SEQUENCES: dict[str, Callable[[Turn], Events]] = {"chat": chat, "agent-chat": agent, "advanced-chat": chatflow}


# The answer ---------------------------------------------------------------------------------------------------


def answer(turn: Turn, name: str, **fields: Any) -> Events:
    tokens, pace = turn.answer_tokens(), turn.pace()
    # The first token is out before any trouble begins, unless it is the only one.
    middle = min(max(1, len(tokens) // 2), len(tokens) - 1) if turn.trouble.words else -1
    for number, token in enumerate(tokens):
        if number == middle:
            yield from midway(turn)
        if turn.stopped.is_set() or turn.replaced:
            return
        yield turn.text(name, token, **fields)
        yield from turn.rest(pace)
    if "final" in turn.trouble:
        yield turn.event("message", id=turn.message.id, answer="".join(turn.said))


def midway(turn: Turn) -> Events:
    """What the trouble words want in the middle of the answer."""
    if "silence" in turn.trouble:
        turn.silence(turn.trouble.number("silence", turn.world.tempo.silence))
    if "cut" in turn.trouble:
        raise CutError
    if "error" in turn.trouble or "failed" in turn.trouble:
        raise broke_off()
    if "replace" in turn.trouble:
        turn.said[:] = [REPLACEMENT]
        turn.replaced = True
        yield turn.event("message_replace", answer=REPLACEMENT, reason="output_moderation")


def reasoning(turn: Turn) -> Events:
    if "think" not in turn.trouble:
        return
    for thought in (*THOUGHTS, ""):
        data = {"message_id": turn.message.id, "reasoning": thought, "node_id": "llm", "is_final": not thought}
        yield turn.event("reasoning_chunk", data=data)
        yield from turn.rest(turn.pace())


# Its end ------------------------------------------------------------------------------------------------------


def ended(turn: Turn) -> Events:
    if "noend" in turn.trouble:
        return
    turn.finish()
    yield message_end(turn)


def message_end(turn: Turn) -> bytes:
    version, message = turn.world.version, turn.message
    metadata = version.metadata(message, turn.usage(timed=turn.app.mode == "advanced-chat"))
    files = version.files_at_end(turn.app, message)
    return turn.event("message_end", id=message.id, metadata=metadata, files=files)


def failed(turn: Turn, failure: ProviderFailedError) -> bytes:
    """The error event, which has no task_id."""
    code, message = turn.world.version.provider_failure(turn.app, failure.detail, blocking=False)
    turn.fail(message)
    return turn.world.version.event({"event": "error", **turn.ids, "code": code, "status": 400, "message": message})


def after_the_end(turn: Turn) -> Events:
    """The turn is over, the connection is not."""
    tempo, version = turn.world.tempo, turn.world.version
    if "hang" in turn.trouble:
        yield from turn.rest(turn.trouble.number("hang", tempo.hang))
    elif version.chatflow_pings_first and turn.app.mode == "advanced-chat":
        yield from turn.rest(tempo.linger)
    elif version.title_before_close and turn.is_first and turn.wants_title:
        yield from turn.rest(tempo.title)


# A chatflow's own events --------------------------------------------------------------------------------------


def new_run(turn: Turn) -> Run:
    conversation = turn.message.conversation
    return Run(
        app=turn.app,
        user=turn.user,
        query=turn.message.query,
        inputs=conversation.inputs,
        conversation_id=conversation.id,
        dialogue_count=len(conversation.messages) - 1,
        started_at=turn.message.created_at,
        number=len(turn.world.store.messages),
    )


def start_node(turn: Turn, run: Run) -> Events:
    """The Answer node's text before the model's comes as soon as it can, in either version's place."""
    workflow = turn.world.version.workflow
    yield node_started(turn, run, "start")
    if workflow.literals_inside_nodes:
        yield from literal(turn, turn.app.before)
    yield node_finished(turn, run, "start", workflow.start_result(run))
    if not workflow.literals_inside_nodes:
        yield from literal(turn, turn.app.before)


def chatflow_ended(turn: Turn, run: Run) -> Events:
    if turn.stopped.is_set():
        turn.finish()
        yield workflow_finished(turn, run, "stopped")
        yield message_end(turn)
        return
    yield from end_nodes(turn, run)
    if "pause" in turn.trouble:
        yield from paused(turn, run)
    elif "noend" not in turn.trouble:
        turn.finish()
        last = [workflow_finished(turn, run, "succeeded"), message_end(turn)]
        yield from last if turn.world.version.workflow.ends_with_message_end else reversed(last)


def end_nodes(turn: Turn, run: Run) -> Events:
    workflow, text = turn.world.version.workflow, "".join(turn.said).removeprefix(turn.app.before)
    llm = node_finished(turn, run, "llm", workflow.llm_result(run, text, turn.usage(timed=True)))
    after = list(literal(turn, turn.app.after))
    yield from [*after, llm] if workflow.literals_inside_nodes else [llm, *after]
    yield node_started(turn, run, "answer")
    yield node_finished(turn, run, "answer", workflow.answer_result("".join(turn.said)))


def chatflow_failed(turn: Turn, run: Run, failure: ProviderFailedError) -> Events:
    version, error = turn.world.version, turn.world.version.node_failure(failure.detail)
    event = failed(turn, failure)
    if "error" in turn.trouble:
        yield event
        return
    yield node_finished(turn, run, "llm", version.workflow.llm_failure(run, error))
    yield workflow_finished(turn, run, "failed", error)
    if version.failed_workflow_sends_error:
        yield event


def paused(turn: Turn, run: Run) -> Events:
    turn.finish()
    yield workflow_event(turn, run, "human_input_required", details.human_input(turn.world.store.now()))
    yield workflow_event(turn, run, "workflow_paused", details.pause(run))


def literal(turn: Turn, text: str) -> Events:
    if text:
        yield turn.text("message", text, from_variable_selector=["answer", "answer"])


def workflow_event(turn: Turn, run: Run, name: str, data: dict[str, Any]) -> bytes:
    return turn.event(name, workflow_run_id=run.id, data=data)


def node_started(turn: Turn, run: Run, node: str) -> bytes:
    return workflow_event(turn, run, "node_started", turn.world.version.workflow.node_started(run, node))


def node_finished(turn: Turn, run: Run, node: str, result: dict[str, Any]) -> bytes:
    run.steps += 1
    now = turn.world.store.now()
    return workflow_event(turn, run, "node_finished", turn.world.version.workflow.node_finished(run, node, now, result))


def workflow_finished(turn: Turn, run: Run, status: str, error: str | None = None) -> bytes:
    now, said = turn.world.store.now(), "".join(turn.said)
    tokens = 0 if error else turn.usage()["total_tokens"]
    data = turn.world.version.workflow.finished(run, now, status, said, tokens, error)
    return workflow_event(turn, run, "workflow_finished", data)
