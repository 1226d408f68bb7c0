"""The apps the stand-in has. As with Dify, the app key in the request says which app is meant."""

import uuid
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["chat", "advanced-chat", "agent-chat", "completion"]


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form a user fills in before the first message."""

    variable: str
    label: str
    required: bool = False
    max_length: int = 48
    options: tuple[str, ...] = ()  # a choice instead of free text


@dataclass(frozen=True, slots=True)
class App:
    name: str
    mode: Mode = "chat"
    opening_statement: str = ""
    suggested_questions: tuple[str, ...] = ()
    suggests_after_answer: bool = False
    inputs: tuple[Input, ...] = ()
    takes_images: bool = False
    enabled: bool = True  # its API service
    has_credentials: bool = True  # for its model provider
    before: str = ""  # text of the Answer node around the model's answer (chatflow)
    after: str = ""

    @property
    def id(self) -> str:
        return stable_uuid("app", self.name)

    @property
    def workflow_id(self) -> str:
        return stable_uuid("workflow", self.name)

    @property
    def is_chat(self) -> bool:
        return self.mode != "completion"

    def end_user_id(self, user: str) -> str:
        return stable_uuid("end user", self.name, user)


def stable_uuid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("dify-standin", *parts))))


OPENING = "Hello! I am a **stand-in for Dify**: I answer, but I know nothing. Ask me anything."
QUESTIONS = (
    "What can you do?",
    "무엇을 할 수 있어?",
    "Show me [[sources]]",
    "A long answer, please [[long 120]] [[paced 30]]",
)

CHAT = App("Demo chat", "chat", OPENING, QUESTIONS, suggests_after_answer=True, takes_images=True)
CHATFLOW = App("Demo chatflow", "advanced-chat", "Welcome to the demo chatflow.", suggests_after_answer=True)
WRAPPED = App("Demo wrapped chatflow", "advanced-chat", before="Here is what I found: ", after=" (end of the answer)")
AGENT = App("Demo agent", "agent-chat", "I am an agent without tools.", suggests_after_answer=True)
COMPLETION = App("Demo completion", "completion")
DISABLED = App("Demo disabled", "chat", enabled=False)
INPUTS = App(
    "Demo inputs",
    "chat",
    "Tell me your name and level first.",
    inputs=(
        Input("name", "Your name", required=True),
        Input("level", "Level", options=("beginner", "intermediate", "expert")),
    ),
)
NOCRED = App("Demo without credentials", "chat", has_credentials=False)

KINDS: dict[str, App] = {
    "chat": CHAT,
    "chatflow": CHATFLOW,
    "wrapped": WRAPPED,
    "agent": AGENT,
    "completion": COMPLETION,
    "disabled": DISABLED,
    "inputs": INPUTS,
    "nocred": NOCRED,
}
DEMO_APPS: dict[str, App] = {f"app-demo-{kind}": app for kind, app in KINDS.items()}


def parameters(app: App) -> dict[str, Any]:
    return {
        "opening_statement": app.opening_statement,
        "suggested_questions": list(app.suggested_questions),
        "suggested_questions_after_answer": {"enabled": app.suggests_after_answer},
        "speech_to_text": {"enabled": False},
        "text_to_speech": {"enabled": False, "voice": "", "language": ""},
        "retriever_resource": {"enabled": True},
        "annotation_reply": {"enabled": False},
        "more_like_this": {"enabled": False},
        "user_input_form": [form_field(app, field) for field in app.inputs],
        "sensitive_word_avoidance": moderation(app),
        "file_upload": file_upload(app),
        "system_parameters": SYSTEM_PARAMETERS,
    }


SYSTEM_PARAMETERS = {
    "image_file_size_limit": 10,
    "video_file_size_limit": 100,
    "audio_file_size_limit": 50,
    "file_size_limit": 15,
    "workflow_file_upload_limit": 10,
}


def form_field(app: App, field: Input) -> dict[str, Any]:
    if app.mode == "advanced-chat":
        return {"select" if field.options else "text-input": chatflow_field(field)}
    common = {"label": field.label, "variable": field.variable, "required": field.required, "default": ""}
    if field.options:
        return {"select": {**common, "options": list(field.options)}}
    return {"text-input": {**common, "max_length": field.max_length}}


def chatflow_field(field: Input) -> dict[str, Any]:
    return {
        "variable": field.variable,
        "label": field.label,
        "type": "select" if field.options else "text-input",
        "required": field.required,
        "max_length": field.max_length,
        "options": list(field.options),
    }


def moderation(app: App) -> dict[str, Any]:
    return {"enabled": False} if app.mode == "advanced-chat" else {"enabled": False, "type": "", "configs": []}


def file_upload(app: App) -> dict[str, Any]:
    methods = ["remote_url", "local_file"]
    image: dict[str, Any] = {"enabled": app.takes_images, "number_limits": 3, "transfer_methods": methods}
    if app.mode == "advanced-chat":
        return {"enabled": app.takes_images, "image": image}
    return {
        "enabled": app.takes_images,
        "image": {**image, "detail": "high"},
        "allowed_file_types": ["image"],
        "allowed_file_extensions": [],
        "allowed_file_upload_methods": methods,
        "number_limits": 3,
    }
