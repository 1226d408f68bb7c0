"""/cache, the history page: who may look, at what, and how it is found."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.signing import TimestampSigner
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from history.models import Conversation
from history.pages import key_cookie, listing, thread
from history.recorder import storable
from tenants.models import ApiKey, System
from tests.control_room import operator, superuser
from tests.hostile import HOSTILE_MARKDOWN
from tests.ledger import NOON, asked, talked


def by_key(system: System | None, **fields: Any) -> Client:
    """A browser that came in with a secret key."""
    browser = Client()
    assert browser.get("/cache", {"api_key": ApiKey.issue(system, **fields)[1]}).status_code == 302
    return browser


def page(browser: Client, status: int = 200, /, **query: Any) -> str:
    answer = browser.get("/cache", query)
    assert answer.status_code == status
    return answer.content.decode()


def names(html: str) -> list[str]:
    return re.findall(r'class="row-name" dir="auto">([^<]+)<', html)


def part(html: str, name: str) -> str:
    """A section of the page, as it was sent."""
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    assert found
    return found[0]


def without_token(html: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html)


def open_thread(browser: Client, conversation: Conversation, **query: Any) -> str:
    return part(page(browser, open=conversation.pk, **query), "thread")


@pytest.fixture
def both(drillquiz: System, cointutor: System) -> tuple[Conversation, Conversation]:
    return (
        talked(drillquiz, "alice", {}, name="Quizzes"),
        talked(cointutor, "charlie", {}, name="Coins", at=NOON + timedelta(hours=1)),
    )


# The way in: staff -----------------------------------------------------------------------------------------------


def test_who_is_not_logged_in_goes_to_the_admins_login_and_comes_back(drillquiz: System) -> None:
    answer = Client().get("/cache?q=refund&user_id=alice")

    assert answer.status_code == 302
    login = urlsplit(answer["Location"])
    assert login.path == "/admin/login/"
    assert parse_qs(login.query)["next"] == ["/cache?q=refund&user_id=alice"]


def test_the_login_leads_back_to_the_view(drillquiz: System) -> None:
    User.objects.create_superuser("superuser", password="correct-horse-battery")
    form = {"username": "superuser", "password": "correct-horse-battery"}

    answer = Client().post("/admin/login/?next=/cache%3Fq%3Drefund", {**form, "next": "/cache?q=refund"})

    assert answer["Location"] == "/cache?q=refund"


def test_a_superuser_sees_every_system(both: Any) -> None:
    assert names(page(superuser().client)) == ["Coins", "Quizzes"]


def test_an_operator_sees_their_systems_only(drillquiz: System, both: Any) -> None:
    html = page(operator(drillquiz).client)

    assert names(html) == ["Quizzes"]
    assert "cointutor" not in html.lower()


def test_an_operator_finds_nothing_elsewhere_by_any_filter(drillquiz: System, both: Any) -> None:
    browser = operator(drillquiz).client

    assert names(page(browser, user_id="charlie")) == []
    assert names(page(browser, q="Hello")) == ["Quizzes"]
    assert names(page(browser, 400, system_id="cointutor")) == []
    assert "There is no such conversation" in page(browser, 404, open=both[1].pk)


def test_an_operator_learns_the_same_about_a_strange_system_and_about_none(drillquiz: System, both: Any) -> None:
    browser = operator(drillquiz).client

    strange, none = (without_token(page(browser, 400, system_id=name)) for name in ("cointutor", "coinxxxxx"))

    assert strange.replace("cointutor", "coinxxxxx") == none


def test_staff_without_a_system_are_told_so(both: Any) -> None:
    html = page(operator().client, 403)

    assert "You do not operate any system yet." in html
    assert names(html) == []


def test_people_who_are_no_staff_are_sent_to_the_login(both: Any) -> None:
    browser = Client()
    browser.force_login(User.objects.create_user("person"))

    assert browser.get("/cache")["Location"].startswith("/admin/login/")


def test_an_operator_who_is_removed_is_out_at_once(drillquiz: System, both: Any) -> None:
    room = operator(drillquiz)
    assert names(page(room.client)) == ["Quizzes"]

    drillquiz.operators.clear()

    assert names(page(room.client, 403)) == []


# The way in: a key -----------------------------------------------------------------------------------------------


def test_a_secret_key_becomes_a_cookie_and_leaves_the_address(drillquiz: System, both: Any) -> None:
    browser, (key, text) = Client(), ApiKey.issue(drillquiz)

    answer = browser.get("/cache", {"q": "Hello", "api_key": text, "user_id": "alice"})

    assert answer.status_code == 302
    assert answer["Location"] == "/cache?q=Hello&user_id=alice"
    assert answer["Referrer-Policy"] == "no-referrer"
    cookie = answer.cookies[key_cookie.NAME]
    assert text not in cookie.value
    assert (cookie["path"], cookie["max-age"], cookie["samesite"]) == ("/cache", 3600, "Lax")
    assert cookie["httponly"]
    html = page(browser, q="Hello", user_id="alice")
    assert names(html) == ["Quizzes"]
    assert text not in html
    assert text[: len(key.prefix)] in html


def test_the_cookie_is_secure_where_the_site_is(drillquiz: System, settings: Any) -> None:
    for https in (True, False):
        settings.HTTPS = https
        answer = Client().get("/cache", {"api_key": ApiKey.issue(drillquiz)[1]}, secure=https)
        assert bool(answer.cookies[key_cookie.NAME]["secure"]) is https


def test_a_key_shows_its_system_only(drillquiz: System, both: Any) -> None:
    browser = by_key(drillquiz)

    assert names(page(browser)) == ["Quizzes"]
    assert "There is no such conversation" in page(browser, 404, open=both[1].pk)
    assert names(page(browser, 400, system_id="cointutor")) == []


def test_a_key_of_all_systems_shows_those_that_are_enabled(drillquiz: System, cointutor: System, both: Any) -> None:
    browser = by_key(None)
    assert names(page(browser)) == ["Coins", "Quizzes"]

    cointutor.enabled = False
    cointutor.save()

    assert names(page(browser)) == ["Quizzes"]


def test_a_key_of_a_disabled_system_opens_nothing(drillquiz: System, both: Any) -> None:
    browser = by_key(drillquiz)
    drillquiz.enabled = False
    drillquiz.save()

    assert names(page(browser, 403)) == []


@pytest.mark.parametrize("path", ["/cache", "/cache/export.csv"])
def test_a_key_that_is_no_good_says_so_whatever_is_wrong_with_it(drillquiz: System, path: str) -> None:
    revoked, expired, gone = (ApiKey.issue(drillquiz) for _ in range(3))
    ApiKey.objects.filter(pk=revoked[0].pk).update(revoked_at=timezone.now())
    ApiKey.objects.filter(pk=expired[0].pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    gone[0].delete()

    texts = [revoked[1], expired[1], gone[1], "sk_" + "x" * 43, "", " ", "x" * 5000, "\0", "é漢", "%00"]
    answers = [Client().get(path, {"api_key": text}) for text in texts]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert all("This API key is not valid." in answer.content.decode() for answer in answers)
    assert all(answer["Referrer-Policy"] == "no-referrer" for answer in answers)
    assert not any(answer.cookies for answer in answers)


def test_a_publishable_key_is_refused(drillquiz: System) -> None:
    text = ApiKey.issue(drillquiz, kind=ApiKey.Kind.PUBLISHABLE)[1]

    assert "This needs a secret key." in page(Client(), 401, api_key=text)


@pytest.mark.parametrize("change", [{"revoked_at": NOON}, {"expires_at": NOON}])
def test_the_key_is_looked_at_again_at_every_request(drillquiz: System, both: Any, change: dict[str, Any]) -> None:
    browser = by_key(drillquiz)
    ApiKey.objects.update(**change)  # in another process, so that nothing here forgets it

    assert names(page(browser, 401)) == []
    assert browser.get("/cache")["Location"].startswith("/admin/login/")


def test_a_cookie_counts_for_an_hour_and_only_as_it_was_made(drillquiz: System, monkeypatch: Any) -> None:
    browser = by_key(drillquiz)
    made = browser.cookies[key_cookie.NAME].value
    number = str(ApiKey.objects.get().pk)
    others = [made + "x", number, f"{number}:{made.split(':', 1)[1]}x", TimestampSigner(salt="else").sign(number)]
    publishable = ApiKey.issue(drillquiz, kind=ApiKey.Kind.PUBLISHABLE)[0]
    others.append(TimestampSigner(salt=key_cookie.SALT).sign(str(publishable.pk)))

    for forged in others:
        stranger = Client()
        stranger.cookies[key_cookie.NAME] = forged
        page(stranger, 401)
    page(browser)
    monkeypatch.setattr("history.pages.key_cookie.SECONDS", -1)
    page(browser, 401)


def test_a_key_goes_before_a_login_until_its_owner_leaves(drillquiz: System, both: Any) -> None:
    browser = superuser().client
    browser.get("/cache", {"api_key": ApiKey.issue(drillquiz)[1]})
    assert names(page(browser)) == ["Quizzes"]

    assert browser.post("/cache/leave").status_code == 302

    assert names(page(browser)) == ["Coins", "Quizzes"]


def test_a_wrong_key_does_not_cost_a_good_one(drillquiz: System, both: Any) -> None:
    browser = by_key(drillquiz)
    page(browser, 401, api_key="sk_wrong")

    assert names(page(browser)) == ["Quizzes"]


def test_no_key_and_no_word_reaches_the_log(drillquiz: System, both: Any, log: io.StringIO) -> None:
    text = ApiKey.issue(drillquiz)[1]
    browser = Client()
    for key in (text, text + "x", "wrongkeywrongkey"):
        browser.get("/cache", {"api_key": key, "q": "secretword"})
    page(browser, q="secretword")
    export: Any = browser.get("/cache/export.csv", {"q": "secretword"})
    list(export.streaming_content)

    written = re.sub(r"^.*django\.db\.backends.*$", "", log.getvalue(), flags=re.MULTILINE)
    assert "Export" in written
    for secret in (text, "wrongkey", "secretword"):
        assert secret not in written


def test_leaving_asks_for_the_forms_token(drillquiz: System) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.get("/cache", {"api_key": ApiKey.issue(drillquiz)[1]})

    assert browser.post("/cache/leave").status_code == 403
    page(browser)


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_here_can_be_changed(both: Any, method: str) -> None:
    assert getattr(superuser().client, method)("/cache").status_code == 405


def test_the_page_runs_its_own_files_only(both: Any) -> None:
    answer = superuser().client.get("/cache")

    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer["Cache-Control"] == "no-store"
    html = answer.content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html)


def test_the_page_is_english_whatever_the_browser_asks_for(both: Any) -> None:
    answer = superuser().client.get("/cache?from_date=nothing", headers={"accept-language": "ko"})

    assert answer["Content-Language"] == "en"
    assert "Write a day like 2026-11-30." in answer.content.decode()


# Filters ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(drillquiz: System, cointutor: System) -> Client:
    """Conversations of several kinds, and a superuser who looks at them."""
    drillquiz.time_zone = "Asia/Seoul"
    drillquiz.save()
    talked(drillquiz, "alice", {"query": "Where is my refund?"}, {"feedback": "like"}, name="Refund")
    talked(drillquiz, "bob", {"answer": "비밀번호를 재설정하세요", "feedback": "dislike"}, name="Password")
    talked(drillquiz, "bob", {"status": "failed", "error_code": "upstream_timeout", "answer": ""}, name="Broken")
    talked(drillquiz, "bob", {"status": "stopped"}, name="Halted", deleted_at=NOON)
    talked(drillquiz, "alice", {"status": "pending", "answer": ""}, name="Running")
    talked(cointutor, "charlie", {"query": '100% of_it "quoted"'}, name="Coins")
    # The last minute of 31 December in Seoul, which is still the afternoon in UTC.
    talked(drillquiz, "alice", {}, name="New Year", at=datetime(2025, 12, 31, 14, 59, tzinfo=UTC))
    talked(drillquiz, "alice", {}, name="First", at=datetime(2025, 12, 31, 15, 0, tzinfo=UTC))
    return superuser().client


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"system_id": "cointutor"}, {"Coins"}),
        ({"user_id": "bob"}, {"Password", "Broken", "Halted"}),
        ({"user_id": "bo"}, set()),
        ({"q": "refund"}, {"Refund"}),
        ({"q": "  MY   Refund "}, {"Refund"}),
        ({"q": "재설정"}, {"Password"}),
        ({"q": "100%"}, {"Coins"}),
        ({"q": "of_it"}, {"Coins"}),
        ({"q": '"quoted"'}, {"Coins"}),
        ({"q": "1%"}, set()),
        ({"status": "failed"}, {"Broken"}),
        ({"status": "stopped"}, {"Halted"}),
        ({"status": "pending"}, {"Running"}),
        ({"feedback": "like"}, {"Refund"}),
        ({"feedback": "dislike"}, {"Password"}),
        ({"feedback": "none", "user_id": "alice", "status": "answered"}, {"Refund", "New Year", "First"}),
        ({"from_date": "2025-12-31", "to_date": "2025-12-31"}, {"New Year"}),
        ({"from_date": "2026-01-01", "to_date": "2026-01-01"}, {"First"}),
        ({"to_date": "2026-01-01"}, {"New Year", "First"}),
        ({"system_id": "drillquiz", "user_id": "alice", "q": "hello", "from_date": "2026-03-01"}, {"Refund"}),
        ({"system_id": "", "q": "   ", "from_date": "", "status": ""}, None),
    ],
)
def test_each_filter_and_all_together(library: Client, query: dict[str, str], expected: set[str] | None) -> None:
    found = names(page(library, **query))

    assert len(found) == len(set(found))
    assert set(found) == (set(names(page(library))) if expected is None else expected)


def test_what_is_filtered_is_said_and_can_be_taken_back_one_by_one(library: Client) -> None:
    html = page(library, q="hello", user_id="alice", system_id="drillquiz", feedback="none")

    chips = dict(re.findall(r'class="filter-chip" href="([^"]+)".*?dir="auto">([^<]+)<', html))
    assert sorted(chips.values()) == ["Drillquiz", "Not rated", "alice", "hello"]
    without_user = next(address for address, value in chips.items() if value == "alice")
    assert parse_qs(urlsplit(without_user).query.replace("&amp;", "&")) == {
        "q": ["hello"],
        "system_id": ["drillquiz"],
        "feedback": ["none"],
    }
    assert 'value="alice"' in html  # and the form keeps it
    assert 'value="drillquiz" selected' in html


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ({"from_date": "2026-02-30"}, "from_date", "Write a day like 2026-11-30."),
        ({"to_date": "30.11.2026"}, "to_date", "Write a day like 2026-11-30."),
        ({"from_date": "2026-03-02", "to_date": "2026-03-01"}, "to_date", "This is before the first day."),
        ({"system_id": "nothing"}, "system_id", "You can see no such system."),
        ({"status": "great"}, "status", "Choose one of: failed, stopped, answered, pending."),
        ({"feedback": "5"}, "feedback", "Choose one of: like, dislike, none."),
        ({"q": "x" * 10_000}, "q", "at most 500 characters"),
        ({"q": " ".join(f"w{n}" for n in range(11))}, "q", "Search for at most 10 words."),
        ({"q": "a\0b"}, "q", "Null characters are not allowed."),
        ({"user_id": "a\0b"}, "user_id", "Null characters are not allowed."),
        ({"user_id": "u" * 300}, "user_id", "at most 256 characters"),
    ],
)
def test_what_cannot_be_read_is_said_beside_its_field(
    library: Client, query: dict[str, str], field: str, says: str
) -> None:
    html = page(library, 400, **query)

    problem = re.search(rf'id="problem-{field}">([^<]+)<', html)
    assert problem
    assert says in problem[1]
    assert f'aria-describedby="problem-{field}"' in html
    assert 'id="filter-q"' in html
    assert names(html) == []  # not everything instead of what was meant


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_days_like_others(library: Client, day: str) -> None:
    page(library, from_date=day)
    page(library, to_date=day)
    assert names(page(library, from_date="0001-01-01", to_date="9999-12-31"))


@pytest.mark.parametrize("query", [{"limit": "-1"}, {"system_id[]": "x"}, {"utm_source": "a"}, {"q": "%' OR 1=1 --"}])
def test_what_it_does_not_know_does_no_harm(library: Client, query: dict[str, str]) -> None:
    page(library, **query)


# The list --------------------------------------------------------------------------------------------------------


def test_a_row_says_who_when_how_much_and_what_became_of_it(drillquiz: System) -> None:
    drillquiz.time_zone = "Asia/Seoul"
    drillquiz.save()
    at = datetime(2024, 5, 6, 20, 30, tzinfo=UTC)
    turns = [{"feedback": "dislike"}, {"status": "failed"}, {"status": "failed"}]
    talked(drillquiz, "alice", *turns, name="<b>Bold</b>", at=at, deleted_at=at)

    html = page(superuser().client)

    assert "&lt;b&gt;Bold&lt;/b&gt;" in html
    assert "<bdi>alice</bdi> · 6 messages" in html
    assert 'title="7 May 2024, 05:32:00 (Asia/Seoul)">7 May 2024</time>' in html
    assert re.findall(r'class="tag \w+">([^<]+)<', html) == ["deleted", "2 failed", "disliked"]


def test_the_pages_of_the_list_have_every_conversation_once_in_both_directions(
    drillquiz: System, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    # Several at the same moment: the order is settled by more than the time.
    for number in range(10):
        talked(drillquiz, "alice", {}, name=f"n{number}", at=NOON + timedelta(hours=number // 4))
    browser = superuser().client

    onwards, address = [], "/cache?user_id=alice"
    while address:
        html = browser.get(address).content.decode()
        onwards.append(names(html))
        last, address = address, next_address(html, "next")
    back, address = [], last
    while address:
        html = browser.get(address).content.decode()
        back.append(names(html))
        address = next_address(html, "prev")

    assert flat(onwards) == [f"n{number}" for number in range(9, -1, -1)]
    assert flat(back[::-1]) == flat(onwards)
    assert "user_id=alice" in last


def flat(pages: list[list[str]]) -> list[str]:
    return [name for found in pages for name in found]


def next_address(html: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', html)
    return found[1].replace("&amp;", "&") if found else ""


def test_a_conversation_that_comes_in_between_moves_nothing(drillquiz: System, monkeypatch: Any) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(4):
        talked(drillquiz, "alice", {}, name=f"n{number}", at=NOON + timedelta(hours=number))
    browser = superuser().client
    address = next_address(page(browser), "next")

    talked(drillquiz, "alice", {}, name="new", at=NOON + timedelta(days=1))

    assert names(browser.get(address).content.decode()) == ["n1", "n0"]


@pytest.mark.parametrize("cursor", ["forged", "x" * 5000, "\0", "WzFd:1abc:def"])
@pytest.mark.parametrize("direction", ["after", "before"])
def test_a_place_that_is_none_is_said_and_leads_to_the_beginning(both: Any, direction: str, cursor: str) -> None:
    html = page(superuser().client, 400, **{direction: cursor})

    assert "This place in the list is not there any more" in html


def test_the_number_of_queries_does_not_grow_with_the_list(drillquiz: System, cointutor: System) -> None:
    browser = superuser().client

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page(browser, open="first", q="hello")
        return len(captured)

    few_talk(drillquiz, 2)
    few = queries()
    few_talk(drillquiz, 20)
    few_talk(cointutor, 20)

    assert queries() == few
    assert few < 15


def few_talk(system: System, number: int) -> None:
    for _ in range(number):
        talked(system, "alice", {}, {"feedback": "like"}, name="Talk")


def test_an_empty_history_says_what_to_do(drillquiz: System) -> None:
    assert "Nobody has said anything yet" in page(superuser().client)
    assert "Nobody has said anything yet" in page(by_key(drillquiz), q="refund")


def test_no_match_is_not_an_empty_history(both: Any) -> None:
    html = page(superuser().client, q="nowhere")

    assert "No conversation matches" in html
    assert "Nobody has said anything yet" not in html


# The open conversation -------------------------------------------------------------------------------------------


def test_a_conversation_opens_beside_the_list(drillquiz: System, both: Any) -> None:
    html = page(superuser().client, open=both[0].pk, q="hello")

    assert names(html) == ["Coins", "Quizzes"]
    assert re.search(rf'open={both[0].pk}" aria-current="true"', html)
    opened = part(html, "thread")
    assert "Quizzes</h2>" in opened
    assert "<mark>Hello</mark> to you" in opened
    assert 'href="/cache?q=hello"' in opened  # the way back keeps the filter


def test_a_turn_shows_what_was_said_and_all_that_is_known_of_it(drillquiz: System) -> None:
    conversation = talked(
        drillquiz,
        "alice",
        {
            "query": "<script>alert(1)</script> **plain**",
            "answer": "**bold**\n\n```python\nprint(1 < 2)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |",
            "citations": [{"document_name": "Handbook.pdf", "score": 0.834, "content": "Page one."}],
            "files": [{"type": "image", "name": "screen.png"}],
            "feedback": "dislike",
            "latency_ms": 1234,
            "tokens": 4321,
            "price": "0.0012300",
            "currency": "USD",
            "model": "gpt-4o",
        },
        {"status": "failed", "error_code": "upstream_timeout", "answer": ""},
        {"status": "stopped", "answer": "Half"},
        {"answer": ""},
    )

    opened = open_thread(superuser().client, conversation)

    assert "&lt;script&gt;alert(1)&lt;/script&gt; **plain**" in opened
    assert "<strong>bold</strong>" in opened
    assert '<figure class="code"><figcaption><span>python</span></figcaption><pre tabindex="0"' in opened
    assert "print(1 &lt; 2)" in opened
    assert '<div class="table" tabindex="0" role="region"' in opened
    for words in ("Handbook.pdf", "83% match", "Page one.", "screen.png", "disliked", "1.2 s", "4,321 tokens"):
        assert words in opened
    for words in (
        "0.00123 USD",
        "gpt-4o",
        "<code>upstream_timeout</code>",
        "The user stopped this answer.",
        "is empty.",
    ):
        assert words in opened
    assert conversation.conversation_id in opened


@pytest.mark.parametrize("citations", [None, 5, "text", {"a": 1}, [None, 1, {"score": "high", "content": None}]])
def test_citations_of_any_shape_are_shown_or_left_out(drillquiz: System, citations: Any) -> None:
    shape = citations if citations is not None else []
    conversation = talked(drillquiz, "alice", {"citations": shape, "files": shape})

    assert "Hello to you" in open_thread(superuser().client, conversation)


def test_hostile_answers_stay_words(drillquiz: System, monkeypatch: Any) -> None:
    monkeypatch.setattr(thread, "PAGE", 1000)
    answers = [storable(answer) for answer in HOSTILE_MARKDOWN]
    turns = [{"query": answer, "answer": answer} for answer in answers]
    conversation = talked(drillquiz, "alice", *turns, name=answers[0])

    opened = open_thread(superuser().client, conversation, q="script img onerror javascript alert")

    assert not re.search(r"<(script|img|iframe|style|form|object|embed|link|meta|base)\b", opened, re.IGNORECASE)
    assert not re.search(r"<[^>]*\s(on\w+|style|srcdoc)=", opened)
    assert not re.search(r'href="(?!https?:|mailto:|tel:|/cache|#icon-)', opened)


def test_a_deleted_conversation_is_marked_and_can_be_read(drillquiz: System) -> None:
    conversation = talked(drillquiz, "alice", {}, name="Gone", deleted_at=NOON)

    opened = open_thread(superuser().client, conversation)

    assert "Deleted on" in opened
    assert "Hello to you" in opened


def test_a_turn_that_a_crash_left_is_told_from_one_that_runs(drillquiz: System) -> None:
    old = talked(drillquiz, "alice", {"status": "pending", "answer": ""})
    new = talked(drillquiz, "alice", {"status": "pending", "answer": ""}, at=timezone.now())
    browser = superuser().client

    assert "the next sync settles it" in open_thread(browser, old)
    assert "This is being answered." in open_thread(browser, new)


def test_a_long_conversation_has_pages_that_meet(drillquiz: System, monkeypatch: Any) -> None:
    monkeypatch.setattr(thread, "PAGE", 3)
    conversation = talked(drillquiz, "alice", *({"query": f"q{number}."} for number in range(8)))
    browser = superuser().client

    seen, address = [], f"/cache?open={conversation.pk}"
    while address:
        html = part(browser.get(address).content.decode(), "thread")
        seen.append(re.findall(r">(q\d)\.<", html))
        last, address = html, turns_link(html, "after")
    earlier = part(browser.get(turns_link(last, "before")).content.decode(), "thread")

    assert seen == [["q0", "q1", "q2"], ["q3", "q4", "q5"], ["q6", "q7"]]
    assert re.findall(r">(q\d)\.<", earlier) == ["q3", "q4", "q5"]


def turns_link(html: str, direction: str) -> str:
    found = re.search(rf'href="([^"]+turns_{direction}=[^"]+)"', html)
    return found[1].replace("&amp;", "&") if found else ""


def test_a_long_conversation_opens_where_the_words_are(drillquiz: System, monkeypatch: Any) -> None:
    monkeypatch.setattr(thread, "PAGE", 3)
    turns = [{"query": f"q{number}."} for number in range(8)]
    turns[5] = {"query": "The needle."}
    conversation = talked(drillquiz, "alice", *turns)

    opened = open_thread(superuser().client, conversation, q="needle")

    assert "The <mark>needle</mark>." in opened
    assert 'class="turn matches"' in opened
    assert "Earlier messages" in opened
    assert "q0." not in opened


@pytest.mark.parametrize("number", ["0", "-1", "abc", "9" * 18, "9" * 400, "1.5", "٣", "\0", "../1", ""])
def test_what_is_no_conversation_is_said_beside_the_list(both: Any, number: str) -> None:
    html = page(superuser().client, 404 if number else 200, open=number)

    assert names(html) == ["Coins", "Quizzes"]
    assert ("There is no such conversation" in html) is bool(number)


def test_a_place_in_a_conversation_that_is_none_is_its_beginning(both: Any) -> None:
    assert "Hello to you" in open_thread(superuser().client, both[0], turns_after="forged")


def test_the_keyboard_goes_on_from_one_page_of_the_list_to_the_next(both: Any) -> None:
    browser = superuser().client

    assert "Coins</h2>" in part(page(browser, open="first"), "thread")
    assert "Quizzes</h2>" in part(page(browser, open="last"), "thread")


def test_what_never_reached_a_conversation_can_be_read_too(drillquiz: System, cointutor: System) -> None:
    asked(drillquiz, "alice", query="Is anybody there?", answer="", status="failed", error_code="upstream_timeout")
    asked(cointutor, "charlie", query="Nor here?", answer="", status="failed")
    browser = operator(drillquiz).client

    html = page(browser)
    assert "open=unnamed" in html
    opened = part(page(browser, open="unnamed"), "thread")

    assert "Is anybody there?" in opened
    assert "Nor here?" not in opened
    assert "open=unnamed" not in page(browser, user_id="bob")
