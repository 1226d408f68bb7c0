"""Everything in the guides that a reader could copy is run here, in both languages. So are the samples."""

import json
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client, RequestFactory
from dotenv import dotenv_values
from pytest_django.live_server_helper import LiveServer

from tenants import identity, tokens
from tenants.models import System
from tests.browsers import Page, allow, publishable_key, secret_key
from tests.guides import (
    GATEWAY,
    GUIDES,
    PUBLISHABLE,
    ROOT,
    Block,
    block,
    blocks,
    policy_of,
    run_bash,
    run_node,
    run_python,
    up_to,
)

SITE = "https://www.example.com"
VUE = ROOT / "sample" / "vue"
EVERY_BLOCK = [block for guide in GUIDES for block in blocks(guide)]


class World:
    """A gateway that listens, and a system of the guide's with its secrets in the environment."""

    def __init__(self, system: System, url: str, folder: Path) -> None:
        self.system = allow(system, SITE)
        self.url = url
        self.folder = folder
        self.publishable = publishable_key(system)
        self.env = {
            "CHAT_GATEWAY_URL": url,
            "CHAT_SYSTEM_ID": system.system_id,
            "CHAT_SIGNING_SECRET": system.signing_secrets.get().secret.reveal(),
            "CHAT_IDENTITY_SECRET": system.identity_secret.reveal(),
            "CHAT_SECRET_KEY": secret_key(system),
            "TOKEN": tokens.issue(system, "alice")[0],
        }

    def here(self, text: str) -> str:
        """The text with this gateway's address and this system's key instead of the guide's."""
        return text.replace(GATEWAY, self.url).replace(PUBLISHABLE, self.publishable)

    def node(self, main: str, **modules: str) -> Any:
        files = {f"{name}.mjs": self.here(text) for name, text in modules.items()}
        return run_node(self.folder, {**files, "main.mjs": main}, self.env)

    def speaks_for(self, token: str) -> tuple[str, str]:
        caller = tokens.verified(token)
        return caller.system.system_id, caller.user_id

    def opens(self, link: str, user_id: str, **options: str) -> None:
        """The link leads to the chat page, as that user, and the page lets them in."""
        parts = urlsplit(link)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert f"{parts.scheme}://{parts.netloc}" == self.url
        assert self.speaks_for(query.pop("token")) == (self.system.system_id, user_id)
        assert query == options
        assert Client().get(f"{parts.path}?{parts.query}").status_code == 200


@pytest.fixture
def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, live_server: LiveServer, tmp_path: Path
) -> World:
    guide = request.node.callspec.params["shown"].guide
    system = request.getfixturevalue("drillquiz" if "drillquiz" in guide else "cointutor")
    world = World(system, live_server.url, tmp_path)
    for name, value in world.env.items():
        monkeypatch.setenv(name, value)
    return world


# How each block is checked ------------------------------------------------------------------------------------


def python_token(shown: Block, world: World) -> None:
    token = run_python(up_to(shown))["chat_token"]("charlie")
    assert world.speaks_for(token) == ("cointutor", "charlie")
    assert tokens.unverified(token)[1]["exp"] == pytest.approx(time.time() + 3600, abs=10)


def python_link(shown: Block, world: World) -> None:
    world.opens(run_python(up_to(shown))["chat_link"]("charlie & co", lang="ko"), "charlie & co", lang="ko")


def python_redirect(shown: Block, world: World) -> None:
    view = run_python(up_to(shown))["open_chat"]
    request = RequestFactory().get("/open-chat")
    request.user = User(pk=7)
    response = view(request)
    assert (response.status_code, response["Cache-Control"]) == (302, "no-store")
    world.opens(response["Location"], "7", lang="en")
    request.user = AnonymousUser()
    assert "login" in view(request)["Location"]


def js_token(shown: Block, world: World) -> None:
    main = 'import { chatToken } from "./guide.mjs"; console.log(JSON.stringify(chatToken("찰리")));'
    assert world.speaks_for(world.node(main, guide=shown.text)) == ("cointutor", "찰리")


def js_redirect(shown: Block, world: World) -> None:
    main = """
        import { openChat } from "./guide.mjs";
        openChat({ writeHead: (status, headers) => console.log(JSON.stringify([status, headers])), end() {} }, "7");
    """
    token = block(shown.guide, "js token").text
    status, headers = world.node(main, guide=f"{token}\n{shown.text}")
    assert (status, headers["Cache-Control"]) == (302, "no-store")
    world.opens(headers["Location"], "7", lang="en")


def js_renew(shown: Block, world: World) -> None:
    """Only the gateway's own frame, and only that message, gets a token."""
    main = """
        let hear;
        const posted = [];
        const frame = { contentWindow: { postMessage: (...message) => posted.push(message) } };
        globalThis.document = { querySelector: () => frame };
        globalThis.window = { addEventListener: (name, listener) => (hear = listener) };
        globalThis.fetch = async (url) => ({ json: async () => ({ token: `fresh from ${url}` }) });
        await import("./guide.mjs");
        const gateway = process.env.CHAT_GATEWAY_URL;
        const data = { source: "chat-gateway", type: "token-expired" };
        await hear({ source: {}, origin: gateway, data });
        await hear({ source: frame.contentWindow, origin: "https://evil.example", data });
        await hear({ source: frame.contentWindow, origin: gateway, data: "token-expired" });
        await hear({ source: frame.contentWindow, origin: gateway, data: { ...data, type: "ready" } });
        const before = posted.length;
        await hear({ source: frame.contentWindow, origin: gateway, data });
        console.log(JSON.stringify({ before, posted }));
    """
    answer = {"source": "chat-gateway", "type": "token", "token": "fresh from /chat-token"}
    assert world.node(main, guide=shown.text) == {"before": 0, "posted": [[answer, world.url]]}


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def html_iframe(shown: Block, world: World) -> None:
    [(tag, frame)] = Tags(world.here(shown.text).replace("TOKEN", world.env["TOKEN"])).found
    assert (tag, frame["title"], frame["allow"]) == ("iframe", "Chat", "clipboard-write")
    world.opens(str(frame["src"]), "alice", embed="1", lang="en")


def widget_tag(shown: Block, world: World) -> dict[str, str | None]:
    [(tag, script)] = Tags(world.here(shown.text)).found
    assert (tag, script["src"]) == ("script", f"{world.url}/widget.js")
    assert "async" in script
    given = {name.removeprefix("data-") for name in script if name.startswith("data-")}
    assert given <= widget_options()
    return script


def html_anonymous(shown: Block, world: World) -> None:
    tag = widget_tag(shown, world)
    answer = Page(str(tag["data-key"]), SITE).ask(system_id=tag["data-system-id"])
    assert world.speaks_for(answer.json()["token"])[1].startswith("anonymous-")


def html_proven(shown: Block, world: World) -> None:
    tag = widget_tag(shown, world)
    assert tag["data-user-hash"] == "HEX_HMAC_SHA256_OF_USER_ID"
    proof = identity.hash_of(world.system, str(tag["data-user-id"]))
    answer = Page(str(tag["data-key"]), SITE).ask(user_id=tag["data-user-id"], user_hash=proof)
    assert world.speaks_for(answer.json()["token"]) == ("drillquiz", "alice")


def python_user_hash(shown: Block, world: World) -> None:
    assert run_python(up_to(shown))["user_hash"]("앨리스") == identity.hash_of(world.system, "앨리스")


def js_user_hash(shown: Block, world: World) -> None:
    main = 'import { userHash } from "./guide.mjs"; console.log(JSON.stringify(userHash("앨리스")));'
    assert world.node(main, guide=shown.text) == identity.hash_of(world.system, "앨리스")


def python_chat_identity(shown: Block, world: World) -> None:
    view = run_python(up_to(shown))["chat_identity"]
    request = RequestFactory().get("/api/chat-identity")
    request.user = User(pk=7)
    answer = view(request)
    assert json.loads(answer.content) == {"user_id": "7", "user_hash": identity.hash_of(world.system, "7")}
    assert answer["Cache-Control"] == "no-store"
    request.user = AnonymousUser()
    assert json.loads(view(request).content) == {}


def js_open(shown: Block, world: World) -> None:
    """Before the widget is there the button does nothing; after, it opens with the message."""
    main = """
        let click;
        const opened = [];
        globalThis.window = {};
        globalThis.document = { querySelector: () => ({ addEventListener: (name, listener) => (click = listener) }) };
        await import("./guide.mjs");
        click();
        window.ChatGateway = { open: (message) => opened.push(message) };
        click();
        console.log(JSON.stringify(opened));
    """
    assert world.node(main, guide=shown.text) == ["Why is the answer to question 7 not B?"]


def js_get_token(shown: Block, world: World) -> None:
    main = """
        globalThis.window = {};
        globalThis.fetch = async (url) => ({ ok: true, json: async () => ({ token: `from ${url}` }) });
        await import("./guide.mjs");
        const token = await window.ChatGateway.getToken();
        globalThis.fetch = async () => ({ ok: false, status: 401 });
        const refused = await window.ChatGateway.getToken().catch((error) => error.message);
        console.log(JSON.stringify([token, refused]));
    """
    assert world.node(main, guide=shown.text) == ["from /chat-token", "/chat-token answered 401"]


def js_chat_token(shown: Block, world: World) -> None:
    """Asked as a browser would, which says where the page is from."""
    main = f"""
        import {{ chatToken }} from "./guide.mjs";
        const real = globalThis.fetch;
        globalThis.fetch = (url, init) => real(url, {{ ...init, headers: {{ ...init.headers, Origin: "{SITE}" }} }});
        const answer = await chatToken("alice", "{identity.hash_of(world.system, "alice")}");
        const refused = await chatToken("alice", "wrong").catch((error) => error.message);
        console.log(JSON.stringify([answer, refused]));
    """
    answer, refused = world.node(main, guide=shown.text)
    assert world.speaks_for(answer["token"]) == ("drillquiz", "alice")
    assert refused.startswith("permission_denied: ")
    documented = json.loads(block(shown.guide, "json chat-token").text)
    assert answer.keys() == documented.keys()
    assert answer["ui"] == documented["ui"]


def bash_token(shown: Block, world: World) -> None:
    answer = json.loads(run_bash(world.here(shown.text), world.env))
    assert world.speaks_for(answer["token"])[0] == world.system.system_id
    documented = next(other for other in blocks(shown.guide) if other.language == "json")
    assert answer.keys() == json.loads(documented.text).keys() - {"ui"}


def json_answer(shown: Block, world: World) -> None:
    answer = json.loads(shown.text)
    assert answer["token"].startswith("eyJ")
    assert isinstance(answer["expires_at"], int)


def bash_conversations(shown: Block, world: World) -> None:
    assert json.loads(run_bash(world.here(shown.text), world.env)) == []


def bash_chat(shown: Block, world: World) -> None:
    assert json.loads(run_bash(world.here(shown.text), world.env))["answer"]


def bash_claims(shown: Block, world: World) -> None:
    claims = json.loads(run_bash(shown.text, world.env))
    assert (claims["system_id"], claims["user_id"]) == ("cointutor", "alice")


def bash_chat_link(shown: Block, world: World) -> None:
    world.opens(run_bash(shown.text, world.env).strip(), "alice")


def bash_cors(shown: Block, world: World) -> None:
    """The guide shows what the gateway really answers."""
    status, *lines = run_bash(world.here(shown.text), world.env).splitlines()
    wanted, *headers = block(shown.guide, "http cors").text.splitlines()
    assert status.split()[1] == wanted.split()[1] == "200"
    answered = {line.lower() for line in lines}
    assert {header.lower() for header in headers} <= answered


def http_cors(shown: Block, world: World) -> None:
    assert f"access-control-allow-origin: {SITE}" in shown.text
    assert "*" not in shown.text


def csp(shown: Block, world: World) -> None:
    """It names only the gateway. That it is enough is tested in a browser: tests/browser/test_widget.py."""
    assert {source for sources in policy_of(shown).values() for source in sources} == {GATEWAY}


def nginx_policy(shown: Block, world: World) -> None:
    policy = policy_of(shown)
    assert {source for sources in policy.values() for source in sources} == {"'self'", GATEWAY}
    for directive, sources in policy_of(block(shown.guide, "csp widget")).items():
        assert set(sources) <= set(policy[directive])


def dotenv_vue(shown: Block, world: World) -> None:
    values = dotenv_values(stream=StringIO(shown.text))
    main = f"""
        import {{ configFrom }} from "./guide.mjs";
        console.log(JSON.stringify(configFrom({json.dumps(values)})));
    """
    config = run_node(world.folder, {"guide.mjs": (VUE / "chat-gateway.js").read_text(), "main.mjs": main})
    assert config == {"url": GATEWAY, "systemId": "drillquiz", "key": PUBLISHABLE}


def vue_use(shown: Block, world: World) -> None:
    """It uses the component by its name, with attributes that it has."""
    script, template = parts_of(shown.text)
    assert 'import ChatGateway from "./chat/ChatGateway.vue";' in script
    [given] = [attributes for tag, attributes in Tags(template).found if tag == "chatgateway"]
    assert {name for name in given if name != "v-slot"} <= component_props()
    assert given["v-slot"] == "{ open }"
    assert "open('How do I start?')" in template


def text_flow(shown: Block, world: World) -> None:
    """A drawing: there is nothing to run."""
    assert "gateway" in shown.text


RULES: dict[str, Callable[[Block, World], None]] = {
    "text flow": text_flow,
    "python token": python_token,
    "python link": python_link,
    "python redirect": python_redirect,
    "python user-hash": python_user_hash,
    "python chat-identity": python_chat_identity,
    "js token": js_token,
    "js redirect": js_redirect,
    "js renew": js_renew,
    "js user-hash": js_user_hash,
    "js open": js_open,
    "js get-token": js_get_token,
    "js chat-token": js_chat_token,
    "html iframe": html_iframe,
    "html anonymous": html_anonymous,
    "html proven": html_proven,
    "bash token": bash_token,
    "bash chat-token": bash_token,
    "bash conversations": bash_conversations,
    "bash chat": bash_chat,
    "bash claims": bash_claims,
    "bash cors": bash_cors,
    "bash chat-link-python": bash_chat_link,
    "bash chat-link-node": bash_chat_link,
    "json token": json_answer,
    "json chat-token": json_answer,
    "http cors": http_cors,
    "csp iframe": csp,
    "csp widget": csp,
    "nginx policy": nginx_policy,
    "dotenv vue": dotenv_vue,
    "vue use": vue_use,
}


@pytest.mark.parametrize("shown", EVERY_BLOCK, ids=str)
def test_what_the_guide_shows_works(shown: Block, world: World) -> None:
    assert shown.kind in RULES, f"Nothing checks the block “{shown.kind}” of {shown.guide}: write a rule for it."
    RULES[shown.kind](shown, world)


# The guides as a whole ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("guide", ["cointutor", "drillquiz"])
def test_both_languages_show_the_same(guide: str) -> None:
    english, korean = ([(b.kind, b.text) for b in blocks(f"docs/{guide}{end}.md")] for end in ("", ".ko"))

    assert english == korean


@pytest.mark.parametrize("guide", GUIDES)
def test_every_link_leads_somewhere(guide: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / guide).read_text())

    assert links
    for link in links:
        assert link.startswith("https://") or (ROOT / guide).parent.joinpath(link).is_file(), link


def widget_options() -> set[str]:
    """What the widget reads from its tag: `options.userHash` is data-user-hash."""
    source = (ROOT / "static" / "widget" / "widget.js").read_text()
    return {re.sub("[A-Z]", lambda m: f"-{m[0].lower()}", name) for name in re.findall(r"\boptions\.(\w+)", source)}


@pytest.mark.parametrize("guide", ["docs/drillquiz.md", "docs/drillquiz.ko.md"])
def test_the_guide_knows_every_option_of_the_widget_and_no_other(guide: str) -> None:
    rows = re.findall(r"^\| (`data-.*?) \|", (ROOT / guide).read_text(), re.MULTILINE)

    assert {name for row in rows for name in re.findall(r"`data-([a-z-]+)`", row)} == widget_options()


# The samples --------------------------------------------------------------------------------------------------


def parts_of(component: str) -> tuple[str, str]:
    """Script and template of a Vue file."""
    found = re.fullmatch(r"<script setup>\n(.*)</script>\n\n<template>\n(.*)</template>\n", component, re.DOTALL)
    assert found, "not a single-file component of one script and one template"
    return found[1], found[2]


def component_props() -> set[str]:
    script, _ = parts_of((VUE / "ChatGateway.vue").read_text())
    return set(re.findall(r"^  (\w+): \{ type: String", script, re.MULTILINE))


def test_the_vue_component_offers_options_of_the_widget() -> None:
    assert component_props() <= widget_options()


FAKE_VUE = """
    const mounted = [], unmounting = [];
    export const onMounted = (hook) => mounted.push(hook);
    export const onBeforeUnmount = (hook) => unmounting.push(hook);
    export const mount = () => Promise.all(mounted.map((hook) => hook()));
    export const unmount = () => unmounting.forEach((hook) => hook());
"""

FAKE_BROWSER = """
    // A page on which a script tag loads at once and becomes the widget.
    export const calls = [];
    export const listeners = {};
    const script = {
      dataset: {},
      addEventListener: (name, hook) => (script[name] = hook),
      remove: () => calls.push("tag removed"),
    };
    const widget = {
      open: (message) => calls.push(["open", message]),
      setUser: (...who) => calls.push(["setUser", ...who]),
      remove: () => calls.push("widget removed"),
    };
    globalThis.window = globalThis;
    function append() {
      calls.push(["tag", script.src, { ...script.dataset }]);
      globalThis.ChatGateway = widget;
      script.load();
    }
    globalThis.document = { createElement: () => script, head: { append } };
    globalThis.addEventListener = (name, hook) => (listeners[name] = hook);
    globalThis.removeEventListener = (name) => delete listeners[name];
    globalThis.defineProps = () => ({ lang: "ko", position: "left", color: "", start: "", title: "", launcher: "" });
    globalThis.defineExpose = (exposed) => (globalThis.exposed = exposed);
    globalThis.answer = [200, { user_id: "alice", user_hash: "proof" }];
    globalThis.fetch = async () => ({ ok: answer[0] < 400, status: answer[0], json: async () => answer[1] });
"""


def run_component(tmp_path: Path, main: str) -> Any:
    """Runs the component's script as Vue would, and prints what it did to the page."""
    script, template = parts_of((VUE / "ChatGateway.vue").read_text())
    assert template.strip() == '<slot :open="open" />'
    env = {
        "VITE_CHAT_GATEWAY_URL": f"{GATEWAY}/",
        "VITE_CHAT_SYSTEM_ID": "drillquiz",
        "VITE_CHAT_PUBLISHABLE_KEY": "pk_1",
    }
    script = script.replace('"vue"', '"./vue.mjs"').replace("import.meta.env", json.dumps(env))
    files = {
        "vue.mjs": FAKE_VUE,
        "browser.mjs": FAKE_BROWSER,
        "component.mjs": script.replace(".js", ".mjs"),
        "auth.mjs": (VUE / "auth.js").read_text(),
        "chat-gateway.mjs": (VUE / "chat-gateway.js").read_text(),
        "main.mjs": 'import { calls, listeners } from "./browser.mjs"; import { mount, unmount } from "./vue.mjs";'
        f'await import("./component.mjs"); {main}; console.log(JSON.stringify(calls));',
    }
    return run_node(tmp_path, files)


def test_the_vue_component_follows_who_is_logged_in(tmp_path: Path) -> None:
    done = run_component(
        tmp_path,
        """
        await mount();
        exposed.open("Hello");
        globalThis.answer = [401, null];
        await listeners["auth-changed"]();
        unmount();
        if (listeners["auth-changed"]) throw new Error("still listening")
        """,
    )

    options = {"lang": "ko", "position": "left", "systemId": "drillquiz", "key": "pk_1"}
    assert done == [
        ["tag", f"{GATEWAY}/widget.js", {**options, "userId": "alice", "userHash": "proof"}],
        ["open", "Hello"],
        ["setUser", None, None],
        "widget removed",
        "tag removed",
    ]


def test_the_vue_component_leaves_nothing_behind_if_it_goes_before_the_widget_is_there(tmp_path: Path) -> None:
    done = run_component(tmp_path, "const mounting = mount(); unmount(); await mounting")

    assert done[1:] == ["widget removed", "tag removed"]


def test_the_page_goes_on_if_the_backend_cannot_say_who_it_is(tmp_path: Path) -> None:
    assert run_component(tmp_path, "globalThis.answer = [500, null]; console.error = () => {}; await mount()") == []


def test_the_sample_refuses_a_secret_key_in_the_page(tmp_path: Path) -> None:
    main = """
        import { configFrom } from "./guide.mjs";
        const env = { VITE_CHAT_GATEWAY_URL: "https://g", VITE_CHAT_SYSTEM_ID: "drillquiz" };
        const attempts = [env, { ...env, VITE_CHAT_PUBLISHABLE_KEY: "sk_1" }].map((given) => {
          try { return configFrom(given); } catch (error) { return error.message; }
        });
        console.log(JSON.stringify(attempts));
    """
    missing, secret = run_node(tmp_path, {"guide.mjs": (VUE / "chat-gateway.js").read_text(), "main.mjs": main})

    assert missing.startswith("Set VITE_CHAT_PUBLISHABLE_KEY")
    assert "secret key" in secret


def test_the_environment_example_holds_what_the_samples_read() -> None:
    example = dotenv_values(ROOT / "sample" / ".env.example")
    sources = "".join(
        path.read_text() for path in (ROOT / "sample").rglob("*") if path.suffix in (".js", ".mjs", ".py")
    )

    read = set(re.findall(r"\b(?:VITE_)?CHAT_[A-Z_]+", sources))
    assert read <= set(example)
    for secret in ("CHAT_IDENTITY_SECRET", "CHAT_SIGNING_SECRET", "CHAT_SECRET_KEY"):
        assert example[secret] == ""
