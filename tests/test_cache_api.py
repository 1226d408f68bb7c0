"""GET /v1/cache/conversations and the messages of one: what is kept, by period, user and words, page by page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from history.models import Conversation, Message
from tenants.models import ApiKey, System
from tests.conftest import caller_by_key, caller_by_token
from tests.gateway import Gateway

LIST = "/v1/cache/conversations"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def kept(system: System, conversation_id: str, user_id: str = "alice", **fields: Any) -> Conversation:
    fields = {"created_at": NOON, "updated_at": fields.get("created_at", NOON), **fields}
    return Conversation.objects.create(system=system, user_id=user_id, conversation_id=conversation_id, **fields)


def turn(conversation: Conversation, query: str = "Hello", answer: str = "Hi", **fields: Any) -> Message:
    fields = {
        "created_at": conversation.updated_at,
        "status": "answered",
        "message_id": f"m{Message.objects.count()}",
    } | fields
    return Message.objects.create(
        system=conversation.system,
        user_id=conversation.user_id,
        conversation=conversation,
        query=query,
        answer=answer,
        **fields,
    )


@pytest.fixture
def server(drillquiz: System) -> Gateway:
    """DrillQuiz's own server, which speaks for no user."""
    return Gateway({"X-API-Key": ApiKey.issue(drillquiz)[1]})


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["conversation_id"] for row in response.json()]


def following(response: Any) -> str | None:
    """The address of the next page."""
    link = response.headers.get("Link")
    assert link is None or link.endswith('; rel="next"')
    return link and link.partition(">")[0].removeprefix("<http://testserver")


def all_pages(server: Gateway, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    response = server.get(path, **query)
    pages = [response.json()]
    while address := following(response):
        response = server.client.get(address, headers=server.headers)
        pages.append(response.json())
    return pages


def test_a_conversation_has_exactly_the_fields_of_the_contract(server: Gateway, drillquiz: System) -> None:
    conversation = kept(drillquiz, "c1", name="Sums", updated_at=NOON + timedelta(minutes=1))
    turn(conversation)
    turn(conversation)

    assert server.get(LIST).json() == [
        {
            "conversation_id": "c1",
            "system_id": "drillquiz",
            "user_id": "alice",
            "name": "Sums",
            "created_at": int(NOON.timestamp()),
            "updated_at": int(NOON.timestamp()) + 60,
            "synced_at": None,
            "message_count": 4,
        }
    ]


def test_synced_at_is_unix_seconds(server: Gateway, drillquiz: System) -> None:
    kept(drillquiz, "c1", synced_at=NOON)

    assert server.get(LIST).json()[0]["synced_at"] == int(NOON.timestamp())


def test_a_message_has_exactly_the_fields_of_the_contract(server: Gateway, drillquiz: System) -> None:
    turn(kept(drillquiz, "c1"), "2 + 2?", "4", message_id="m1", feedback="like", status="stopped")

    both = {"created_at": int(NOON.timestamp())}
    assert server.get(f"{LIST}/c1/messages").json() == [
        {
            "message_id": "m1_assistant",
            "role": "assistant",
            "content": "4",
            "status": "stopped",
            "feedback": "like",
            **both,
        },
        {"message_id": "m1_user", "role": "user", "content": "2 + 2?", "status": "answered", "feedback": None, **both},
    ]


def test_a_turn_that_dify_never_named_has_a_name_of_its_own(server: Gateway, drillquiz: System) -> None:
    conversation = kept(drillquiz, "c1")
    for _ in range(2):
        turn(conversation, message_id=None, status="failed")

    first, second = (server.get(f"{LIST}/c1/messages").json() for _ in range(2))

    assert first == second
    assert len({row["message_id"] for row in first}) == 4


def test_what_was_really_said_is_found_here(server: Gateway, alice: Gateway) -> None:
    said = alice.say("Where is the ledger?").json()

    [listed] = server.get(LIST, q="LEDGER").json()
    answer, question = server.get(f"{LIST}/{said['conversation_id']}/messages").json()

    assert (listed["conversation_id"], listed["message_count"]) == (said["conversation_id"], 2)
    assert (question["message_id"], question["content"]) == (f"{said['message_id']}_user", "Where is the ledger?")
    assert (answer["message_id"], answer["content"]) == (f"{said['message_id']}_assistant", said["answer"])


def test_both_lists_are_newest_first(server: Gateway, drillquiz: System) -> None:
    for number in (2, 3, 1):
        conversation = kept(drillquiz, f"c{number}", created_at=NOON + timedelta(minutes=number))
    for number in (2, 3, 1):
        turn(conversation, f"{number}?", f"{number}!", created_at=NOON + timedelta(minutes=number))

    assert ids(server.get(LIST)) == ["c3", "c2", "c1"]
    assert [row["content"] for row in server.get(f"{LIST}/c1/messages").json()] == ["3!", "3?", "2!", "2?", "1!", "1?"]


def test_a_key_sees_its_own_system_only(server: Gateway, drillquiz: System, cointutor: System) -> None:
    kept(drillquiz, "ours")
    turn(kept(cointutor, "theirs", "charlie"), "secret")

    assert ids(server.get(LIST)) == ["ours"]
    assert ids(server.get(LIST, q="secret")) == []
    assert server.get(LIST, system_id="cointutor").status_code == 403
    assert server.get(f"{LIST}/theirs/messages").status_code == 404


def test_the_same_id_in_two_systems_is_two_conversations(server: Gateway, drillquiz: System, cointutor: System) -> None:
    turn(kept(drillquiz, "same"), "ours")
    turn(kept(cointutor, "same", "charlie"), "theirs")

    assert {row["content"] for row in server.get(f"{LIST}/same/messages").json()} == {"ours", "Hi"}


def test_a_key_of_all_systems_must_say_which_one(drillquiz: System, cointutor: System) -> None:
    kept(cointutor, "c1", "charlie")
    server = Gateway({"X-API-Key": ApiKey.issue(None)[1]})

    assert server.get(LIST).json()["errors"] == {"system_id": ["This key is for all systems: say which one."]}
    assert ids(server.get(LIST, system_id="cointutor")) == ["c1"]
    assert ids(server.get(LIST, system_id="drillquiz")) == []


def test_a_users_token_is_refused_even_for_what_is_theirs(drillquiz: System) -> None:
    kept(drillquiz, "c1")
    alice = caller_by_token(drillquiz, "alice")

    for path in (LIST, f"{LIST}/c1/messages"):
        assert (alice.get(path).status_code, alice.get(path).json()["code"]) == (403, "permission_denied")


def test_one_user_is_picked_by_name(server: Gateway, drillquiz: System) -> None:
    turn(kept(drillquiz, "hers"), "ledger")
    turn(kept(drillquiz, "his", "bob"), "ledger")

    assert ids(server.get(LIST, user_id="bob")) == ["his"]
    assert ids(server.get(LIST, user_id="bob", q="ledger")) == ["his"]
    assert server.get(f"{LIST}/hers/messages", user_id="bob").status_code == 404
    assert server.get(f"{LIST}/hers/messages", user_id="alice").status_code == 200


def test_what_was_deleted_is_not_there(server: Gateway, drillquiz: System) -> None:
    turn(kept(drillquiz, "gone", deleted_at=NOON), "ledger")

    assert ids(server.get(LIST)) == ids(server.get(LIST, q="ledger")) == []
    assert server.get(f"{LIST}/gone/messages").status_code == 404


# Periods ---------------------------------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_day_is_one_of_the_systems_time_zone_and_counts_to_its_end(server: Gateway, drillquiz: System) -> None:
    System.objects.filter(pk="drillquiz").update(time_zone="Asia/Seoul")
    for name, moment in {
        "before": "2026-01-30T23:59:59.999999+09:00",
        "begin": "2026-01-31T00:00:00+09:00",
        "end": "2026-01-31T23:59:59.999999+09:00",
        "after": "2026-02-01T00:00:00+09:00",
    }.items():
        turn(kept(drillquiz, name, created_at=at(moment)), "ledger")

    for words in ({}, {"q": "ledger"}):
        assert set(ids(server.get(LIST, from_date="2026-01-31", to_date="2026-01-31", **words))) == {"begin", "end"}
        assert set(ids(server.get(LIST, from_date="2026-01-31", **words))) == {"begin", "end", "after"}
        assert set(ids(server.get(LIST, to_date="2026-01-31", **words))) == {"before", "begin", "end"}


def test_a_day_has_as_many_hours_as_the_clocks_say(server: Gateway, drillquiz: System) -> None:
    """On 29 March 2026 Berlin's clocks went from 2 to 3: that day ended at 22:00 UTC."""
    System.objects.filter(pk="drillquiz").update(time_zone="Europe/Berlin")
    kept(drillquiz, "in", created_at=at("2026-03-29T21:59:59+00:00"))
    kept(drillquiz, "out", created_at=at("2026-03-29T22:00:00+00:00"))

    assert ids(server.get(LIST, from_date="2026-03-29", to_date="2026-03-29")) == ["in"]


def test_a_conversation_is_in_the_period_that_its_life_touches(server: Gateway, drillquiz: System) -> None:
    kept(drillquiz, "c1", created_at=at("2026-01-10T12:00Z"), updated_at=at("2026-01-20T12:00Z"))

    for first, last in (("01-01", "01-10"), ("01-12", "01-15"), ("01-20", "01-31"), ("01-01", "01-31")):
        assert ids(server.get(LIST, from_date=f"2026-{first}", to_date=f"2026-{last}")) == ["c1"]
    assert ids(server.get(LIST, to_date="2026-01-09")) == ids(server.get(LIST, from_date="2026-01-21")) == []


def test_with_words_it_is_the_turn_that_must_be_of_the_period(server: Gateway, drillquiz: System) -> None:
    conversation = kept(drillquiz, "c1", created_at=at("2026-01-10T12:00Z"), updated_at=at("2026-01-20T12:00Z"))
    turn(conversation, "ledger", created_at=at("2026-01-10T12:00Z"))
    turn(conversation, "other", created_at=at("2026-01-20T12:00Z"))

    assert ids(server.get(LIST, q="ledger", to_date="2026-01-10")) == ["c1"]
    assert ids(server.get(LIST, q="ledger", from_date="2026-01-11")) == []


def test_messages_are_filtered_by_period_and_words(server: Gateway, drillquiz: System) -> None:
    conversation = kept(drillquiz, "c1")
    for day in (29, 30, 31):
        turn(conversation, f"day {day}", created_at=at(f"2026-01-{day}T12:00Z"))

    def questions(**query: str) -> list[str]:
        rows = server.get(f"{LIST}/c1/messages", **query).json()
        return [row["content"] for row in rows if row["role"] == "user"]

    assert questions(from_date="2026-01-30") == ["day 31", "day 30"]
    assert questions(to_date="2026-01-30") == ["day 30", "day 29"]
    assert questions(q="30") == ["day 30"]
    assert questions(q="hi DAY", to_date="2026-01-29") == ["day 29"]


@pytest.mark.parametrize(
    "day",
    [
        "2026-02-30",
        "2026-13-01",
        "20260101",
        "2026-1-1",
        "yesterday",
        "01/02/2026",
        "2026-01-01T00:00",
        "２０２６-01-01",
        "0000-01-01",
        "-",
    ],
)
@pytest.mark.parametrize("name", ["from_date", "to_date"])
def test_a_day_that_is_none_is_answered_with_how_to_write_one(server: Gateway, name: str, day: str) -> None:
    response = server.get(LIST, **{name: day})

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert response.json()["errors"] == {name: ["Write a day as 2026-01-31."]}


def test_a_period_that_ends_before_it_begins_is_refused(server: Gateway) -> None:
    response = server.get(LIST, from_date="2026-02-01", to_date="2026-01-31")

    assert response.json()["errors"] == {"to_date": ["This is before from_date."]}


@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/Los_Angeles"])
def test_the_first_and_the_last_day_of_the_calendar_are_days(server: Gateway, drillquiz: System, zone: str) -> None:
    System.objects.filter(pk="drillquiz").update(time_zone=zone)
    turn(kept(drillquiz, "c1"), "ledger")

    for words in ({}, {"q": "ledger"}):
        assert ids(server.get(LIST, from_date="0001-01-01", to_date="9999-12-31", **words)) == ["c1"]
        assert ids(server.get(LIST, to_date="0001-01-01", **words)) == []
        assert ids(server.get(LIST, from_date="9999-12-31", **words)) == []


# Pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [{}, {"q": "hello"}, {"user_id": "alice", "from_date": "2026-01-01"}])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_have_every_conversation_once_whatever_the_ties(
    server: Gateway, drillquiz: System, limit: int, words: dict[str, str]
) -> None:
    for number in range(7):
        turn(kept(drillquiz, f"c{number}", created_at=NOON + timedelta(seconds=number // 3)))

    pages = all_pages(server, LIST, limit=limit, **words)

    assert [row["conversation_id"] for page in pages for row in page] == [f"c{n}" for n in (6, 5, 4, 3, 2, 1, 0)]
    assert len(pages) == -(-7 // limit)


@pytest.mark.parametrize("words", [{}, {"q": "hello"}])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10, 11])
def test_pages_have_every_message_once_also_the_halves_of_a_turn(
    server: Gateway, drillquiz: System, limit: int, words: dict[str, str]
) -> None:
    conversation = kept(drillquiz, "c1")
    for number in range(5):
        turn(conversation, message_id=str(number), created_at=NOON + timedelta(seconds=number // 2))

    pages = all_pages(server, f"{LIST}/c1/messages", limit=limit, **words)

    expected = [f"{number}_{role}" for number in (4, 3, 2, 1, 0) for role in ("assistant", "user")]
    assert [row["message_id"] for page in pages for row in page] == expected
    assert len(pages) == -(-10 // limit)


def test_a_cursor_stands_though_its_row_is_gone_and_others_came(server: Gateway, drillquiz: System) -> None:
    for number in range(4):
        kept(drillquiz, f"c{number}", created_at=NOON + timedelta(minutes=number))
    first = server.get(LIST, limit=2)
    Conversation.objects.filter(conversation_id="c2").delete()
    kept(drillquiz, "new", created_at=NOON + timedelta(minutes=9))

    assert ids(server.client.get(following(first) or "", headers=server.headers)) == ["c1", "c0"]


@pytest.mark.parametrize("limit", [1, 2])
def test_a_cursor_of_messages_stands_though_its_turn_is_gone(server: Gateway, drillquiz: System, limit: int) -> None:
    conversation = kept(drillquiz, "c1")
    for number in range(3):
        turn(conversation, message_id=str(number), created_at=NOON + timedelta(minutes=number))
    first = server.get(f"{LIST}/c1/messages", limit=limit)
    Message.objects.filter(message_id="2").delete()

    rest = server.client.get(following(first) or "", headers=server.headers).json()
    assert [row["message_id"] for row in rest] == ["1_assistant", "1_user"][:limit]


def test_the_next_page_keeps_what_was_asked_for(server: Gateway, drillquiz: System) -> None:
    for number in range(3):
        turn(kept(drillquiz, f"c{number}", created_at=NOON + timedelta(minutes=number)), "장부 & 100%")

    address = following(server.get(LIST, q="장부 & 100%", limit=1, user_id="alice")) or ""

    assert ids(server.client.get(address, headers=server.headers)) == ["c1"]
    assert "limit=1" in address
    assert "user_id=alice" in address


def forged(server: Gateway) -> str:
    good = (following(server.get(LIST, limit=1)) or "").partition("cursor=")[2]
    return good[:-1] + ("A" if good[-1] != "A" else "B")


@pytest.mark.parametrize("cursor", ["x", "1", "W10:1:x", "../..", "a:b:c", "%", "한", "null", "x" * 5000, None])
def test_a_forged_cursor_is_refused(server: Gateway, drillquiz: System, cursor: str | None) -> None:
    for number in range(2):
        kept(drillquiz, f"c{number}")

    for path in (LIST, f"{LIST}/c1/messages"):
        response = server.get(path, cursor=forged(server) if cursor is None else cursor)
        assert response.status_code == 400
        assert list(response.json()["errors"]) == ["cursor"]


def test_a_cursor_of_another_list_is_refused(server: Gateway, drillquiz: System) -> None:
    for name in ("c0", "c1"):
        turn(kept(drillquiz, name))
    cursor = (following(server.get(f"{LIST}/c1/messages", limit=1)) or "").partition("cursor=")[2].replace("%3A", ":")

    assert server.get(f"{LIST}/c1/messages", cursor=cursor).status_code == 200
    assert server.get(f"{LIST}/c0/messages", cursor=cursor).status_code == 400
    assert server.get(LIST, cursor=cursor).status_code == 400


def test_a_page_has_a_hundred_rows_if_nothing_is_said_and_a_thousand_at_most(
    server: Gateway, drillquiz: System
) -> None:
    Conversation.objects.bulk_create(
        Conversation(system=drillquiz, user_id="alice", conversation_id=str(n), created_at=NOON, updated_at=NOON)
        for n in range(1001)
    )
    conversation = Conversation.objects.get(conversation_id="0")
    Message.objects.bulk_create(
        Message(
            system=drillquiz, user_id="alice", conversation=conversation, query="x", status="answered", created_at=NOON
        )
        for n in range(501)
    )

    for path in (LIST, f"{LIST}/0/messages"):
        assert len(server.get(path).json()) == 100
        assert len(server.get(path, limit=1000).json()) == 1000
        assert [len(page) for page in all_pages(server, path, limit=1000)] == [1000, 1 if path == LIST else 2]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "1000000000", "abc", "1.5", "9" * 5000, "١٢x", "null"])
def test_a_limit_that_makes_no_sense_is_refused(server: Gateway, drillquiz: System, limit: str) -> None:
    kept(drillquiz, "c1")

    for path in (LIST, f"{LIST}/c1/messages"):
        response = server.get(path, limit=limit)
        assert response.status_code == 400
        assert list(response.json()["errors"]) == ["limit"]


# Words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", ["x" * 501, "x" * 10_000, "장" * 10_000, "a\0b", " ".join("abcdefghijk")])
def test_words_that_are_too_many_or_no_text_are_refused(server: Gateway, drillquiz: System, q: str) -> None:
    kept(drillquiz, "c1")

    for path in (LIST, f"{LIST}/c1/messages"):
        response = server.get(path, q=q)
        assert response.status_code == 400
        assert list(response.json()["errors"]) == ["q"]


@pytest.mark.parametrize("q", ["", " ", "   \t \n ", "\u3000"])
def test_only_spaces_are_no_words(server: Gateway, drillquiz: System, q: str) -> None:
    kept(drillquiz, "c1")

    assert ids(server.get(LIST, q=q)) == ["c1"]


@pytest.mark.parametrize(
    "q",
    [
        "'",
        '"',
        '"x',
        "';--",
        "%",
        "_",
        "\\",
        "%' OR 1=1",
        "*",
        "^",
        "NEAR(",
        "a:b",
        "-",
        "(",
        "{}",
        "$$",
        "\u200b",
        "\ufffd",
    ],
)
def test_signs_mean_themselves(server: Gateway, drillquiz: System, q: str) -> None:
    turn(kept(drillquiz, "plain"), "nothing of it here", "no")
    turn(kept(drillquiz, "same"), f"I wrote {q} there")

    assert ids(server.get(LIST, q=q)) == ["same"]


def test_five_hundred_characters_and_ten_words_are_fine(server: Gateway, drillquiz: System) -> None:
    turn(kept(drillquiz, "long"), "장부" * 300)
    turn(kept(drillquiz, "words"), "a b c d e f g h i j")

    assert ids(server.get(LIST, q="장부" * 250)) == ["long"]
    assert ids(server.get(LIST, q="j i h g f e d c b a a a")) == ["words"]


def test_what_is_empty_was_not_asked_for(server: Gateway, drillquiz: System) -> None:
    turn(kept(drillquiz, "c1"))

    empty = {"from_date": "", "to_date": "", "q": "", "limit": "", "cursor": ""}
    assert ids(server.get(LIST, **empty)) == ["c1"]
    assert len(server.get(f"{LIST}/c1/messages", **empty).json()) == 2


# Addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["a/b", "a%2Fb", "%2e%2e%2fsystems", "a%00b", "%00", "%ff", "x" * 5000, "%0a", "'", "장", "%ed%a0%80", "..", "%25"],
)
def test_an_odd_id_is_not_found(server: Gateway, drillquiz: System, name: str) -> None:
    response = server.client.get(f"{LIST}/{name}/messages", headers=server.headers)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("user_id", ["", " ", "a\0b", "x" * 257, "\n"])
def test_an_odd_user_is_refused(server: Gateway, drillquiz: System, user_id: str) -> None:
    assert list(server.get(LIST, user_id=user_id).json()["errors"]) == ["user_id"]


def test_nothing_can_be_written_here(server: Gateway, drillquiz: System) -> None:
    kept(drillquiz, "c1")

    for path in (LIST, f"{LIST}/c1/messages"):
        assert server.post(path).status_code == 405
        assert server.delete(path).status_code == 405


# Work ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "statements"),
    [({}, 2), ({"user_id": "alice", "from_date": "2026-01-01"}, 2), ({"q": "hello"}, 4), ({"q": "nowhere"}, 2)],
)
def test_a_hundred_conversations_cost_as_many_statements_as_one(
    server: Gateway, drillquiz: System, django_assert_num_queries: Any, query: dict[str, str], statements: int
) -> None:
    turn(kept(drillquiz, "first"))
    if "q" in query and connection.vendor == "postgresql":
        statements += 3  # the search has a setting, for which it needs a transaction

    server.get(LIST)  # the key and the system are remembered for some seconds from here on
    with django_assert_num_queries(statements):
        server.get(LIST, **query)
    for number in range(150):
        turn(kept(drillquiz, f"c{number}"))
    server.get(LIST)
    with django_assert_num_queries(statements):
        assert len(server.get(LIST, **query).json()) == (0 if query == {"q": "nowhere"} else 100)


def test_a_hundred_messages_cost_as_many_statements_as_one(
    server: Gateway, drillquiz: System, django_assert_num_queries: Any
) -> None:
    conversation = kept(drillquiz, "c1")
    turn(conversation)

    for _ in range(2):
        server.get(LIST)
        with django_assert_num_queries(2):
            server.get(f"{LIST}/c1/messages")
        for _ in range(60):
            turn(conversation)


def test_without_a_key_there_is_nothing(drillquiz: System, cointutor: System) -> None:
    kept(drillquiz, "c1")

    assert Client().get(LIST).status_code == 401
    assert caller_by_key(cointutor, "charlie").get(f"{LIST}/c1/messages").status_code == 404
