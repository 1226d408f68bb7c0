"""docs/rooms.md, block by block, against a process that runs: every line, every frame, every code."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml
from django.conf import settings
from django.utils import timezone

from rooms import frames, identity, outbox, policy, sockets, trip
from rooms.models import Room, RoomPolicy
from rooms.person import Person
from tests.guides import GATEWAY, ROOT, Block, block, blocks, run_bash, run_node, run_python
from tests.rooms import Chat, Clients, Served, new_system, open_room, token_of, trip_room

GUIDE = "docs/rooms.md"
TEXT = (ROOT / GUIDE).read_text()
SOCKETS = GATEWAY.replace("https://", "wss://")
WEBSOCKET = """
class WebSocket extends EventTarget {
  constructor(url, protocols) {
    super();
    asked.push({ url, protocols });
    setTimeout(() => this.dispatchEvent(new Event("open")));
  }
  send(text) { sent.push(JSON.parse(text)); }
}
const asked = [], sent = [], token = "TOKEN", room = "ROOM";
setTimeout(() => process.stdout.write(JSON.stringify({ ...asked[0], sent })), 100);
"""


class World:
    """A system that trusts this machine, a room with people in it, and what the guide's lines find around them."""

    def __init__(self, clients: Clients, folder: Path) -> None:
        self.clients = clients
        self.folder = folder
        self.served: Served = clients.served
        self.system = new_system(trusted_addresses="127.0.0.1")
        self.room = open_room(self.system, name="Harvest", post_id="42")
        self.trip = trip_room(self.system, "alice", "bob", role="owner")
        self.token = token_of(self.system, "alice")

    def run(self, shown: Block, room: Room | None = None) -> Any:
        """What a line prints, as JSON; empty if it prints nothing."""
        env = {"ROOM": str((room or self.room).pk), "TOKEN": self.token}
        env["SERVICE_TOKEN"] = token_of(self.system, "backend", role="service")
        source = shown.text.replace(GATEWAY, self.served.http)
        printed = run_bash(source.replace("curl -sS", f"curl -sS -H 'X-System-Id: {self.system.pk}'"), env)
        return json.loads(printed) if printed else None

    def as_trusted(self, shown: Block) -> Any:
        """The process remembers for some seconds whom systems trust."""
        for _ in range(30):
            answer = self.run(shown)
            if not (isinstance(answer, dict) and answer.get("code") == "not_authenticated"):
                return answer
            time.sleep(0.2)
        pytest.fail("This machine is not trusted.")

    def livechat(self, user_id: str = "alice", **query: Any) -> Chat:
        """In the room, and past its own join."""
        chat = self.clients.livechat(self.room, user_id, **query)
        chat.hear()
        return chat

    def open_as_node_did(self, shown: Block) -> tuple[Chat, list[Any]]:
        """The socket that the block opens, and what it sends then."""
        said = run_node(self.folder, {"main.mjs": WEBSOCKET + shown.text})
        room = self.room if "/ws/chat/" in said["url"] else self.trip
        address = said["url"].replace(SOCKETS, "").replace("TOKEN", self.token).replace("ROOM", str(room.pk))
        protocols = [each.replace("TOKEN", self.token) for each in said.get("protocols") or []]
        chat = self.clients.open(address, subprotocols=protocols or None)
        sent = json.loads(json.dumps(said["sent"]).replace("ROOM", str(room.pk)))
        return chat, sent


@pytest.fixture
def world(clients: Clients, tmp_path: Path) -> World:
    return World(clients, tmp_path)


def shown_json(kind: str) -> Any:
    return json.loads(block(GUIDE, f"json {kind}").text)


def here(frame: Any, world: World) -> Any:
    """A frame of the guide's, about the room of the test's."""
    return {**frame, "roomId": str(world.trip.pk)} if "roomId" in frame else frame


def same_shape(answer: Any, shown: Any) -> bool:
    """The same names in the same order, and the same types."""
    if isinstance(shown, dict):
        return list(answer) == list(shown) and all(same_shape(answer[name], shown[name]) for name in shown)
    if isinstance(shown, list):
        return bool(answer) and same_shape(answer[0], shown[0])
    return type(answer) is type(shown)


# HTTP ------------------------------------------------------------------------------------------------------------


def test_a_room_is_made_listed_read_and_spoken_in(world: World) -> None:
    made = world.as_trusted(block(GUIDE, "bash create-room"))
    assert same_shape(made, shown_json("create-room"))
    assert (made["name"], made["post_id"]) == ("Harvest", "42")
    listed = [room["id"] for room in world.run(block(GUIDE, "bash rooms"))]
    assert listed == [made["id"], str(world.trip.pk), str(world.room.pk)]
    bob = world.livechat("bob")
    said = world.run(block(GUIDE, "bash message"))
    read = world.run(block(GUIDE, "bash room"))
    assert same_shape(read, shown_json("room"))
    assert read["messages"] == [said]
    assert bob.hear() == shown_json("livechat-said")


def test_a_trip_is_opened_filled_emptied_and_read(world: World) -> None:
    made = world.run(block(GUIDE, "bash trip-create"))
    assert same_shape(made, shown_json("trip-create"))
    assert [made[name] for name in ("tripId", "participants")] == [
        shown_json("trip-create")[name] for name in ("tripId", "participants")
    ]
    room = Room.objects.get(pk=made["id"])
    assert world.run(block(GUIDE, "bash trip-put-in"), room)["userId"] == "carol"
    assert room.participants.get(user_id="carol").removed_at is None
    assert world.run(block(GUIDE, "bash trip-take-out"), room) is None
    assert room.participants.get(user_id="carol").removed_at
    chat = world.clients.trip(world.system, "alice", roomId=str(room.pk))
    chat.send({**shown_json("trip-say"), "roomId": str(room.pk)})
    said = chat.hear()["message"]
    assert world.run(block(GUIDE, "bash trip-messages"), room) == [said]


# Frames ----------------------------------------------------------------------------------------------------------


def test_the_frames_of_the_first_contract(world: World) -> None:
    alice = world.clients.livechat(world.room, "alice")
    assert alice.hear() == shown_json("livechat-join")
    bob = world.livechat("bob")
    alice.send(shown_json("livechat-say"))
    assert bob.hear() == shown_json("livechat-said")
    alice.close()
    assert bob.hear() == shown_json("livechat-leave")
    carol = world.clients.livechat(world.room, "carol", since=0)
    assert same_shape(carol.hear(), shown_json("livechat-numbered"))


def test_the_frames_of_the_second_contract(world: World) -> None:
    alice, bob = (world.clients.trip(world.system, each, roomId=str(world.trip.pk)) for each in ("alice", "bob"))
    alice.send(here(shown_json("trip-say"), world))
    heard = bob.hear()
    expected = here(shown_json("trip-said"), world)
    assert {**heard["message"], "id": 8} == expected["message"]
    assert same_shape(heard, expected)


@pytest.mark.parametrize("contract", ["livechat", "trip"])
def test_sent_twice_under_one_id_it_is_said_once(world: World, contract: str) -> None:
    rooms = {"livechat": world.room, "trip": world.trip}
    chat = world.livechat() if contract == "livechat" else world.clients.trip(world.system, "alice")
    for _ in range(2):
        chat.send(here(shown_json(f"{contract}-say-once"), world))
    heard = chat.hear_many(3)
    (stored,) = rooms[contract].messages.all()
    acknowledged = {**shown_json(f"{contract}-stored"), "id": stored.pk}
    assert [frame for frame in heard if frame["type"] == "message.stored"] == [acknowledged] * 2
    assert chat.hears_nothing()


@pytest.mark.parametrize("kind", ["js livechat", "js token-socket", "js trip", "js trip-subprotocol"])
def test_the_sockets_of_a_page(world: World, kind: str) -> None:
    if kind == "js livechat":
        world.as_trusted(block(GUIDE, "bash create-room"))
    chat, sent = world.open_as_node_did(block(GUIDE, kind))
    saying = {"livechat": shown_json("livechat-say"), "trip": here(shown_json("trip-say"), world)}
    contract = "livechat" if kind in ("js livechat", "js token-socket") else "trip"
    for frame in sent or [saying[contract]]:
        chat.send(frame)
    while (heard := chat.hear())["type"] == "chat.user.join":
        pass
    text = heard["message"] if contract == "livechat" else heard["message"]["text"]
    assert (heard["type"], text) == ({"livechat": "chat.message", "trip": "message"}[contract], "Hello!")


def test_the_token_may_be_the_first_frame(world: World) -> None:
    chat = world.clients.open("/ws")
    assert shown_json("trip-token").keys() == {"token"}
    chat.send({"token": world.token})
    chat.send(here(shown_json("trip-say"), world))
    assert chat.hear()["type"] == "message"
    assert int(re.findall(r"in the first frame, within (\d+) seconds", TEXT)[0]) == trip.TOKEN_WITHIN


# Errors and limits -----------------------------------------------------------------------------------------------


def table_after(heading: str) -> list[list[str]]:
    section = TEXT.split(heading)[1]
    lines = section[section.index("|") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_an_error_is_a_frame(world: World) -> None:
    alice = world.livechat()
    alice.send("no JSON")
    assert alice.hear() == shown_json("error")


def closed_room(world: World) -> Chat:
    Room.objects.filter(pk=world.room.pk).update(closed_at=timezone.now())
    return world.livechat()


def hasty(world: World) -> Chat:
    RoomPolicy.objects.filter(system=world.system).update(messages_per_minute=0)
    return world.livechat()


ERRORS: dict[str, tuple[Callable[[World], Chat], Any]] = {
    "invalid": (World.livechat, {"type": "chat.message"}),
    "unknown_type": (World.livechat, {"type": "message"}),
    "too_large": (World.livechat, {"type": "chat.message", "message": "x" * settings.ROOMS_MAX_MESSAGE_BYTES}),
    "quota_exceeded": (hasty, {"type": "chat.message", "message": "Hello!"}),
    "room_closed": (closed_room, {"type": "chat.message", "message": "Hello!"}),
}


def test_every_code_is_in_the_table() -> None:
    codes = [row[0].strip("`") for row in table_after("stays open:")]
    assert set(codes) == {*ERRORS, "not_stored"}
    assert '"not_stored"' in (ROOT / "rooms" / "sockets.py").read_text()


@pytest.mark.parametrize("code", ERRORS)
def test_the_socket_stays_open_after_it(world: World, code: str) -> None:
    enter, frame = ERRORS[code]
    alice = enter(world)
    for _ in range(2):
        alice.send(frame)
        assert alice.hear()["code"] == code


def test_it_closes_with_the_codes_of_the_table(world: World) -> None:
    rows = {row[0]: set(re.findall(r"`(\w+)`", row[1])) for row in table_after("by the code with which it closes")}
    missing = "00000000-0000-4000-8000-000000000000"
    late = [world.clients.livechat(world.room, "alice") for _ in range(sockets.MOST_SOCKETS)]
    ends = [
        ("4400", world.clients.livechat(world.room, "bob", since="yesterday")),
        ("4401", world.clients.open(f"/ws/chat/{world.room.pk}/chat/?token=no")),
        ("4403", world.clients.trip(world.system, "carol", roomId=str(world.trip.pk))),
        ("4404", world.clients.trip(world.system, "alice", roomId=missing)),
        ("4429", world.clients.livechat(world.room, "alice")),
    ]
    for expected, chat in ends:
        heard, code = chat.closed()
        assert str(code) == expected
        assert heard[-1]["code"] in rows[expected]
        assert chat.socket.close_reason == heard[-1]["code"]
    assert set(rows) == {each for each, _ in ends} | {"1009", "1011, 1012, 1013"}
    assert len(late) == 20


def test_what_refuses_the_handshake(world: World) -> None:
    who = f"token={world.token}"
    nowhere = requests.get(f"{world.served.http}/healthz", timeout=5)
    assert nowhere.ok
    for path, origin, expected in (
        ("00000000-0000-4000-8000-000000000000", None, (404, "not_found")),
        (world.room.pk, "https://evil.example", (403, "origin_not_allowed")),
    ):
        with pytest.raises(Exception, match=f"HTTP {expected[0]}") as refused:
            world.clients.open(f"/ws/chat/{path}/chat/?{who}", origin=origin)
        assert json.loads(refused.value.response.body)["code"] == expected[1]  # type: ignore[attr-defined]


def test_the_limits_are_those_that_are_said() -> None:
    said = " ".join(" ".join(row) for row in table_after("### Limits"))
    default = RoomPolicy._meta.get_field("messages_per_minute").default
    assert f"{default} a minute" in said
    assert f"sockets of a person in a room {sockets.MOST_SOCKETS}" in said
    assert f"{outbox.MOST_FRAMES:,}, or {outbox.MOST_CHARACTERS // 2**20} MB; then {sockets.TOO_SLOW}" in said
    assert f"{settings.ROOMS_MAX_MESSAGE_BYTES // 1024} kB" in said
    assert f"({settings.ROOMS_IDLE_TIMEOUT:g} s)" in said
    assert f"any text of up to {frames.MAX_CLIENT_ID} characters" in TEXT
    assert identity.SIGNATURE_LIVES == 5 * 60
    assert "five minutes" in TEXT


# Identity --------------------------------------------------------------------------------------------------------


def signature_of(world: World, text: str) -> bytes:
    *values, moment = text.removesuffix("\n").split("\n")
    return identity.signed(world.system, dict(zip(identity.SIGNED, values, strict=True)), moment)


def test_the_signature_is_what_the_gateway_expects(world: World) -> None:
    """In Java, as it stands there."""
    if not (java := shutil.which("java")):
        pytest.skip("java is not installed")
    secret = world.system.identity_secret.reveal()
    main = f"""
        class Main {{ public static void main(String[] given) throws Exception {{
            System.out.print(IdentitySignature.of("{secret}", "alice", "Alice", "alice@example.com", "", 1767225600L));
        }} }}"""
    imports, code = re.split(r"(?=final class)", block(GUIDE, "java signature").text)
    (world.folder / "Main.java").write_text(f"{imports}{main}\n{code}")
    printed = subprocess.run(
        [java, "Main.java"], cwd=world.folder, check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert printed.encode() == signature_of(world, block(GUIDE, "text signed").text)


def test_a_gateway_that_signs_is_believed(world: World) -> None:
    who = dict(zip(identity.SIGNED, ("alice", "Alice", "alice@example.com", ""), strict=True))
    now = str(int(time.time()))
    names = re.findall(r'"(X-[\w-]+)"', block(GUIDE, "java filter").text)
    assert names == ["X-System-Id", "X-Identity-Timestamp", "X-Identity-Signature"]
    signature = identity.signed(world.system, who, now).decode()
    RoomPolicy.objects.update(trusted_addresses="")
    policy.forget()
    person = identity.identified(
        identity.Credentials(
            dict(zip(map(str.lower, names), (world.system.pk, now, signature), strict=True)), who, None
        )
    )
    assert person == Person(world.system, "alice", name="Alice", email="alice@example.com")
    order = re.findall(r'replaceQueryParam\("(\w+)"', block(GUIDE, "java filter").text)
    assert tuple(order) == identity.SIGNED


def test_a_token_of_the_guides_own_says_who_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_SYSTEM_ID", world.system.pk)
    monkeypatch.setenv("CHAT_SIGNING_SECRET", world.system.signing_secrets.get().secret.reveal())
    world.token = run_python(block(GUIDE, "python token").text)["room_token"]("alice", "앨리스", "alice@example.com")
    chat, _ = world.open_as_node_did(block(GUIDE, "js token-socket"))
    assert chat.hear() == {"type": "chat.user.join", "username": "앨리스"}


def test_the_claims_are_those_that_can_be_mapped() -> None:
    rows = re.findall(r"^\| (`.+?) \|", TEXT.split("| Claim | Meaning |")[1].split("\n\n")[0], re.MULTILINE)
    shown = {name for row in rows[:-1] for name in re.findall(r"`(\w+)`", row)}
    fields = [field for field in RoomPolicy._meta.get_fields() if field.name.endswith("_claim")]
    defaults = {field.default for field in fields}  # type: ignore[union-attr]
    assert shown == defaults - {"profile_url"}
    assert RoomPolicy._meta.get_field("service_role").default == "service"


# Proxies ---------------------------------------------------------------------------------------------------------


def test_the_proxys_lines_lead_to_the_right_ports() -> None:
    routes, socket = block(GUIDE, "nginx routes").text, block(GUIDE, "nginx rooms_socket.conf").text
    assert re.findall(r"location (.+?)\s+\{", routes) == ["= /ws", "/ws/", "/"]
    assert f"proxy_pass http://127.0.0.1:{settings.PORT};" in routes
    assert f"proxy_pass http://127.0.0.1:{settings.ROOMS_PORT};" in socket
    assert int(re.findall(r"proxy_read_timeout (\d+)s", socket)[0]) > settings.ROOMS_IDLE_TIMEOUT
    spring = yaml.safe_load(block(GUIDE, "yaml spring").text)["spring.cloud.gateway.routes"]
    assert [urlsplit(route["uri"]).port for route in spring] == [settings.ROOMS_PORT, settings.PORT]


def test_nginx_writes_the_identity_that_sockets_need(world: World) -> None:
    found = re.search(r"proxy_pass http://127.0.0.1:\d+(\S+);", block(GUIDE, "nginx auth_request").text.split("~")[1])
    assert found
    values = {"room": str(world.room.pk), "user_id": "alice", "nickname": "Alice", "email": "alice%40example.com"}
    path = re.sub(r"\$(\w+)", lambda name: values.get(name[1], ""), found[1])
    assert set(parse_qs(urlsplit(path).query)) == {"user_id", "nickname", "email"}


A_PICTURE = "text flow"  # the one block that nobody runs


def test_no_block_is_left_out() -> None:
    """Every block is named by a test here."""
    source = Path(__file__).read_text()
    kinds = [each.kind for each in blocks(GUIDE)]
    assert len(kinds) == len(set(kinds))
    built = {f"json {contract}-{word}" for contract in ("livechat", "trip") for word in ("say-once", "stored")}
    missing = [
        kind
        for kind in kinds
        if kind not in built
        and f'"{kind}"' not in source
        and f'shown_json("{kind.removeprefix("json ")}")' not in source
    ]
    assert missing == []
