"""The larger things that hang on an answer: citations, an agent's thoughts, attached files, a pause."""

import uuid
from typing import Any

from dify.standin.profiles import stable_uuid
from dify.standin.store import Message, Upload
from dify.standin.workflow import Run

PASSAGES = (
    ("Employee handbook.pdf", "Working hours are from 9 to 18 h, with an hour for lunch.", 0.92),
    ("사내 규정 안내.docx", "휴가는 사흘 전까지 신청합니다.", 0.81),
)


def citations(message: Message) -> list[dict[str, Any]]:
    return [
        {
            "id": stable_uuid("citation", message.id, document),
            "message_id": message.id,
            "position": position,
            "dataset_id": stable_uuid("dataset"),
            "dataset_name": "Demo knowledge",
            "document_id": stable_uuid("document", document),
            "document_name": document,
            "data_source_type": "upload_file",
            "segment_id": stable_uuid("segment", document),
            "retriever_from": "api",
            "score": score,
            "hit_count": 1,
            "word_count": len(content),
            "segment_position": 1,
            "content": content,
            "created_at": message.created_at,
        }
        for position, (document, content, score) in enumerate(PASSAGES, start=1)
    ]


def thought() -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "position": 1,
        "thought": "",
        "observation": "",
        "tool": "",
        "tool_labels": {},
        "tool_input": "",
        "message_files": [],
    }


def stored_thought(message: Message, sent: dict[str, Any]) -> dict[str, Any]:
    return {**sent, "chain_id": None, "message_id": message.id, "created_at": message.created_at, "files": []}


def attached(upload: Upload) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "filename": upload.name,
        "type": "image" if upload.mime_type.startswith("image/") else "document",
        "url": f"/files/{upload.id}/file-preview?timestamp={upload.created_at}&nonce=0&sign=0",
        "mime_type": upload.mime_type,
        "size": upload.size,
        "transfer_method": "local_file",
        "belongs_to": "user",
        "upload_file_id": upload.id,
    }


def linked(kind: str, url: str) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "filename": url.rpartition("/")[2],
        "type": kind,
        "url": url,
        "mime_type": None,
        "size": None,
        "transfer_method": "remote_url",
        "belongs_to": "user",
        "upload_file_id": None,
    }


def sent_file(file: dict[str, Any]) -> dict[str, Any]:
    """An attached file as message_end of 1.13.2 tells of it."""
    remote = file["transfer_method"] == "remote_url"
    return {
        "related_id": file["id"],
        "extension": "." + file["filename"].rpartition(".")[2],
        "filename": file["filename"],
        "size": file["size"],
        "mime_type": file["mime_type"],
        "transfer_method": file["transfer_method"],
        "type": file["type"],
        "url": file["url"],
        "upload_file_id": file["upload_file_id"],
        "remote_url": file["url"] if remote else "",
    }


def human_input(now: int) -> dict[str, Any]:
    return {
        "form_id": str(uuid.uuid4()),
        "form_token": uuid.uuid4().hex,
        "node_id": "approval",
        "node_title": "Approval",
        "form_content": "Please approve the answer.",
        "inputs": [{"type": "paragraph", "output_variable_name": "comment", "default": None}],
        "actions": [{"id": "approve", "title": "Approve", "button_style": "primary"}],
        "display_in_ui": False,
        "resolved_default_values": {"comment": ""},
        "expiration_time": now + 86_400,
    }


def pause(run: Run) -> dict[str, Any]:
    return {
        "workflow_run_id": run.id,
        "paused_nodes": ["approval"],
        "outputs": {},
        "reasons": [{"type": "human_input_required", "node_id": "approval"}],
        "status": "paused",
        "created_at": run.started_at,
        "elapsed_time": 0.5,
        "total_tokens": 0,
        "total_steps": run.steps,
    }
