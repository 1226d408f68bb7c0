"""The events of a chatflow's run: workflow and node events, in the shapes of either version."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from dify.standin.profiles import App


@dataclass(slots=True)
class Run:
    """One run of the graph start → llm → answer."""

    app: App
    user: str
    query: str
    inputs: dict[str, Any]
    conversation_id: str
    dialogue_count: int
    started_at: int
    number: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    node_ids: dict[str, str] = field(default_factory=dict)
    steps: int = 0

    def node_id(self, node: str) -> str:
        return self.node_ids.setdefault(node, str(uuid.uuid4()))


NODES = {"start": (1, None, "Start"), "llm": (2, "start", "LLM"), "answer": (3, "llm", "Answer")}


class Workflow:
    literals_inside_nodes: bool  # the Answer node's own text comes before the node beside it has finished
    ends_with_message_end: bool  # 1.13.2 sends workflow_finished last

    def started(self, run: Run) -> dict[str, Any]:
        raise NotImplementedError

    def node_started(self, run: Run, node: str) -> dict[str, Any]:
        raise NotImplementedError

    def node_finished(self, run: Run, node: str, now: int, result: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def finished(self, run: Run, now: int, status: str, answer: str, tokens: int, error: str | None) -> dict[str, Any]:
        raise NotImplementedError

    def system_inputs(self, run: Run) -> dict[str, Any]:
        raise NotImplementedError

    def start_result(self, run: Run) -> dict[str, Any]:
        return {"inputs": self.system_inputs(run), "outputs": self.system_inputs(run)}

    def llm_result(self, run: Run, text: str, usage: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def llm_failure(self, run: Run, error: str) -> dict[str, Any]:
        return {"status": "failed", "error": error}

    def answer_result(self, answer: str) -> dict[str, Any]:
        return {"outputs": {"answer": answer, "files": []}}

    def process_data(self, run: Run) -> dict[str, Any]:
        return {
            "model_mode": "chat",
            "prompts": [
                {"role": "system", "text": "Answer.", "files": []},
                {"role": "user", "text": run.query, "files": []},
            ],
            "model_provider": "stand-in",
            "model_name": "stand-in",
        }

    def head(self, run: Run, node: str) -> dict[str, Any]:
        index, before, title = NODES[node]
        return {
            "id": run.node_id(node),
            "node_id": node,
            "node_type": node,
            "title": title,
            "index": index,
            "predecessor_node_id": before,
        }

    def end(self, run: Run, now: int, status: str, tokens: int, error: str | None) -> dict[str, Any]:
        return {
            "status": status,
            "error": error,
            "elapsed_time": float(now - run.started_at),
            "total_tokens": tokens,
            "total_steps": run.steps,
            "created_by": {"id": run.app.end_user_id(run.user), "user": run.user},
            "created_at": run.started_at,
            "finished_at": now,
        }


def spent(usage: dict[str, Any], price: str) -> dict[str, Any]:
    return {"total_tokens": usage["total_tokens"], "total_price": price, "currency": "USD"}


class Workflow0153(Workflow):
    literals_inside_nodes = False
    ends_with_message_end = True

    def system_inputs(self, run: Run) -> dict[str, Any]:
        return {
            **run.inputs,
            "sys.query": run.query,
            "sys.files": [],
            "sys.conversation_id": run.conversation_id,
            "sys.user_id": run.user,
            "sys.dialogue_count": run.dialogue_count,
            "sys.app_id": run.app.id,
            "sys.workflow_id": run.app.workflow_id,
            "sys.workflow_run_id": run.id,
        }

    def started(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.id,
            "workflow_id": run.app.workflow_id,
            "sequence_number": run.number,
            "inputs": self.system_inputs(run),
            "created_at": run.started_at,
        }

    def node_started(self, run: Run, node: str) -> dict[str, Any]:
        return {
            **self.head(run, node),
            "inputs": None,
            "created_at": run.started_at,
            "extras": {},
            **NO_PARALLEL,
            "iteration_id": None,
            "parallel_run_id": None,
        }

    def node_finished(self, run: Run, node: str, now: int, result: dict[str, Any]) -> dict[str, Any]:
        return {
            **self.head(run, node),
            "inputs": None,
            "process_data": None,
            "outputs": None,
            "status": "succeeded",
            "error": None,
            "elapsed_time": 0.01,
            "execution_metadata": None,
            "created_at": run.started_at,
            "finished_at": now,
            "files": [],
            **NO_PARALLEL,
            "iteration_id": None,
            **result,
        }

    def llm_result(self, run: Run, text: str, usage: dict[str, Any]) -> dict[str, Any]:
        return {
            "process_data": self.process_data(run),
            "outputs": {"text": text, "usage": usage, "finish_reason": "stop"},
            "execution_metadata": spent(usage, "0.0000000"),
        }

    def llm_failure(self, run: Run, error: str) -> dict[str, Any]:
        return {**super().llm_failure(run, error), "process_data": self.process_data(run)}

    def finished(self, run: Run, now: int, status: str, answer: str, tokens: int, error: str | None) -> dict[str, Any]:
        return {
            "id": run.id,
            "workflow_id": run.app.workflow_id,
            "sequence_number": run.number,
            "outputs": None if error else {"answer": answer},
            **self.end(run, now, status, tokens, error),
            "exceptions_count": 0,
            "files": [],
        }


NO_PARALLEL = {
    "parallel_id": None,
    "parallel_start_node_id": None,
    "parent_parallel_id": None,
    "parent_parallel_start_node_id": None,
}


class Workflow1132(Workflow):
    literals_inside_nodes = True
    ends_with_message_end = False

    def system_inputs(self, run: Run) -> dict[str, Any]:
        return {
            **run.inputs,
            "sys.files": [],
            "sys.user_id": run.user,
            "sys.app_id": run.app.id,
            "sys.workflow_id": run.app.workflow_id,
            "sys.workflow_run_id": run.id,
            "sys.query": run.query,
            "sys.dialogue_count": run.dialogue_count + 1,
        }

    def started(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.id,
            "workflow_id": run.app.workflow_id,
            "inputs": self.system_inputs(run),
            "created_at": run.started_at,
            "reason": "initial",
        }

    def head(self, run: Run, node: str) -> dict[str, Any]:
        return {**super().head(run, node), "index": 1, "predecessor_node_id": None}

    def node_started(self, run: Run, node: str) -> dict[str, Any]:
        return {
            **self.head(run, node),
            "inputs": None,
            "inputs_truncated": False,
            "created_at": run.started_at,
            "extras": {},
            "iteration_id": None,
            "loop_id": None,
            "agent_strategy": None,
        }

    def node_finished(self, run: Run, node: str, now: int, result: dict[str, Any]) -> dict[str, Any]:
        fields = {
            **self.head(run, node),
            "inputs": {},
            "inputs_truncated": False,
            "process_data": {},
            "process_data_truncated": False,
            "outputs": {},
            "outputs_truncated": False,
            "status": "succeeded",
            "error": None,
            "elapsed_time": 0.01,
            "execution_metadata": None,
            "created_at": run.started_at,
            "finished_at": now,
            "files": [],
            "iteration_id": None,
            "loop_id": None,
        }
        return {**fields, **result}

    def start_result(self, run: Run) -> dict[str, Any]:
        known = {**self.system_inputs(run), "sys.conversation_id": run.conversation_id}
        return {"inputs": known, "outputs": known}

    def llm_result(self, run: Run, text: str, usage: dict[str, Any]) -> dict[str, Any]:
        process = {**self.process_data(run), "usage": usage, "finish_reason": "stop"}
        outputs = {"text": text, "reasoning_content": "", "usage": usage, "finish_reason": "stop"}
        return {"process_data": process, "outputs": outputs, "execution_metadata": spent(usage, "0E-7")}

    def finished(self, run: Run, now: int, status: str, answer: str, tokens: int, error: str | None) -> dict[str, Any]:
        return {
            "id": run.id,
            "workflow_id": run.app.workflow_id,
            "outputs": {} if error else {"answer": answer, "files": []},
            **self.end(run, now, status, tokens, error),
            "exceptions_count": 1 if error else 0,
            "files": [],
        }
