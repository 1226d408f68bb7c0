"""Testing the connection to a Dify app, and saying in words what is wrong with it.

It only reads: what the app is called, what it can do, and whether it is one to chat with.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from socket import gaierror
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.core.exceptions import ValidationError

from dify.addresses import service_url
from dify.client import DifyClient
from dify.errors import (
    DifyBroken,
    DifyError,
    DifyForbiddenAddress,
    DifyMissing,
    DifyMoved,
    DifyRefused,
    DifyTimeout,
    DifyUnreachable,
    DifyUntrusted,
)

USER = "connection-test"
KINDS = {"chat": "a chat assistant", "advanced-chat": "a chatflow", "agent-chat": "an agent"}
NEEDED = "The gateway needs a chat assistant, an agent or a chatflow."
LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Verdict:
    works: bool
    sentence: str


def tested(base_url: str, api_key: str) -> Verdict:
    """Asks Dify itself. Never raises: whatever goes wrong becomes a sentence for the operator."""
    if not base_url or not api_key:
        return Verdict(False, missing(base_url))
    try:
        root = service_url(base_url)
        return app_of(DifyClient(root, api_key))
    except ValidationError as error:
        return Verdict(False, error.messages[0])
    except DifyError as error:
        return Verdict(False, in_words(error, root))


def missing(base_url: str) -> str:
    if base_url:
        return "Not tested: there is no Dify app key yet. You find it in Dify under “API Access” of the app."
    return "Not tested: there is no Dify base URL, and this gateway has no shared Dify to fall back on."


def app_of(client: DifyClient) -> Verdict:
    info = info_of(client)
    if "user_input_form" not in client.parameters():
        raise DifyBroken(status=200)
    mode = str(info.get("mode") or "")
    if not (mode in KINDS if mode else chats(client)):
        kind = f" but a {mode} app" if mode else ""
        return Verdict(False, f"Connected, but {named(info)} is not a chat app{kind}. {NEEDED}")
    kind = f" ({KINDS[mode]})" if mode else ""
    return Verdict(True, f"The connection works: {named(info)} answers{kind}.")


def info_of(client: DifyClient) -> dict[str, Any]:
    """What the app says of itself; nothing from an old Dify that has no /info."""
    try:
        return client.info()
    except DifyMissing:
        return {}
    except DifyBroken as error:
        if error.status not in (404, 405):
            raise
        return {}


def chats(client: DifyClient) -> bool:
    """For a Dify that does not tell the app's mode: only chat apps have conversations."""
    try:
        client.conversations(USER, limit=1)
    except DifyRefused as error:
        if error.code != "not_chat_app":
            raise
        return False
    return True


def named(info: dict[str, Any]) -> str:
    return f"the app “{info['name']}”" if info.get("name") else "the app"


def in_words(error: DifyError, root: str) -> str:
    host = urlsplit(root).netloc
    match error:
        case DifyForbiddenAddress():
            return f"{host} leads to an address that the gateway refuses to speak to (link-local, metadata or private)."
        case DifyUntrusted():
            return distrust(error, host)
        case DifyUnreachable():
            return unreachable(error, root)
        case DifyTimeout():
            return f"{host} accepted the connection but did not answer in time."
        case DifyMoved():
            return moved(error, root)
        case DifyRefused():
            return refused(error, root)
        case DifyBroken():
            return no_dify(error, root)
    return str(error)


def distrust(error: DifyError, host: str) -> str:
    for reason in causes(error):
        if isinstance(reason, ssl.SSLCertVerificationError):
            return (
                f"The certificate of {host} is not trusted: {reason.verify_message}. Install a valid certificate "
                "there, or give the gateway your own authority with DIFY_CA_BUNDLE."
            )
    return f"{host} does not speak TLS as it should. If it has no certificate, begin the address with http://."


def unreachable(error: DifyError, root: str) -> str:
    address = urlsplit(root)
    if any(isinstance(reason, gaierror) for reason in causes(error)):
        return f"The name {address.hostname} cannot be found. Check the spelling of the base URL."
    hint = " Inside a container, localhost is the container itself." if address.hostname in LOCAL else ""
    return f"{address.netloc} cannot be reached. Is the host right, is the port open, does Dify run?{hint}"


def moved(error: DifyMoved, root: str) -> str:
    target = urlsplit(urljoin(f"{root}/info", error.location))
    place = f"{target.scheme}://{target.netloc}{target.path}"
    if place.endswith("/v1/info"):
        return f"Wrong base URL: it redirects. Use {place.removesuffix('/info')} instead, if that is your Dify."
    return f"Wrong base URL: it is not Dify's API, since it redirects to {place}."


def refused(error: DifyRefused, root: str) -> str:
    if error.status == 401:
        return "Dify refuses the app key. Copy it again from “API Access” of the app; a knowledge key does not work."
    if error.status == 403:
        return "Dify says that the API of this app is disabled. Switch on its “Backend service API” in Dify."
    if error.code == "not_chat_app":
        return f"Connected, but this is not a chat app. {NEEDED}"
    if error.code == "app_unavailable":
        return "Dify says that the app is unavailable. Publish it in Dify, then test again."
    if error.status in (404, 405) or error.status >= 500:
        return no_dify(error, root)
    return f"Dify refuses the request (HTTP {error.status}, code {error.code}). Its own log says why."


def no_dify(error: DifyError, root: str) -> str:
    if error.status in (502, 503, 504):
        return f"A proxy answers at {urlsplit(root).netloc}, but the Dify behind it does not (HTTP {error.status})."
    if error.status >= 500:
        return f"Dify fails with an internal error (HTTP {error.status}). Its own log says why."
    return (
        f"Wrong base URL: a web server answers at {root} (HTTP {error.status}), but it is not Dify's API. "
        "Dify shows the right address under “API Access” of the app."
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all it was made of: requests and urllib3 hide the reason in `args` and `reason`."""
    seen: list[BaseException] = [error]
    for known in seen:
        inner = (known.__cause__, known.__context__, getattr(known, "reason", None), *known.args)
        seen += [part for part in inner if isinstance(part, BaseException) and part not in seen]
        yield known
