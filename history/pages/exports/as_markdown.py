"""Markdown to read: a heading for each conversation, the questions quoted, the answers as they were written."""

from collections.abc import Iterator

from history.pages.exports.rows import Exported

CONTENT_TYPE = "text/markdown; charset=utf-8"
NO_CONVERSATION = "Never reached a conversation"


def head(title: str) -> bytes:
    return f"# {title}\n".encode()


def body(batches: Iterator[list[Exported]]) -> Iterator[bytes]:
    last: int | None = -1
    for batch in batches:
        written = []
        for row in batch:
            if row.turn.conversation_id != last:
                written.append(heading(row))
                last = row.turn.conversation_id
            written.append(turn(row))
        yield "".join(written).encode()


def heading(row: Exported) -> str:
    if row.conversation is None:
        return f"\n---\n\n## {NO_CONVERSATION}\n"
    name = " ".join(row.conversation.name.split()) or "Untitled conversation"
    deleted = f", deleted {row.deleted_at:%Y-%m-%d %H:%M}" if row.deleted_at else ""
    return (
        f"\n---\n\n## {name}\n\n{row.turn.user_id}, {row.system.name}, `{row.conversation.conversation_id}`{deleted}\n"
    )


def turn(row: Exported) -> str:
    said = row.turn
    parts = [
        f"### {row.at:%Y-%m-%d %H:%M:%S} {said.user_id}",
        "\n".join(f"> {line}".rstrip() for line in said.query.splitlines()),
        said.answer.strip(),
        outcome(row),
    ]
    return "\n" + "\n\n".join(part for part in parts if part) + "\n"


def outcome(row: Exported) -> str:
    """What a reader would not guess from the words."""
    said = row.turn
    told = [
        "" if said.status == "answered" else f"{said.status} {said.error_code}".strip(),
        {"like": "liked", "dislike": "disliked"}.get(said.feedback, ""),
        f"files: {row.file_names}" if row.file_names else "",
        f"sources: {row.source_names}" if row.source_names else "",
    ]
    found = ", ".join(words for words in told if words)
    return f"*({found})*" if found else ""
