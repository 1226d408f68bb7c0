"""GET /cache/numbers: exact numbers of made turns, in each system's own days, and only of what one may see."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from history.models import Message
from history.pages import numbers_kept
from tenants.models import System
from tests.conftest import new_system
from tests.control_room import operator, superuser

PAGE = "/cache/numbers"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)  # a Tuesday


def say(system: System, at: datetime = NOON, user_id: str = "alice", status: str = "answered", **more: Any) -> Message:
    """A turn that was answered within a second, unless told otherwise."""
    known = {"latency_ms": 1000} if status == "answered" else {}
    return Message.objects.create(
        system=system, created_at=at, user_id=user_id, status=status, query="Why?", **known | more
    )


def numbers(client: Client, status: int = 200, **query: Any) -> str:
    response = client.get(PAGE, {"from_date": "2026-03-10", "to_date": "2026-03-12"} | query)
    assert response.status_code == status
    return response.content.decode()


def tile(html: str, name: str) -> list[str]:
    """What a total says: the number, and what is written below it."""
    found = re.search(rf"<dt>{re.escape(name)}</dt>(.*?)</div>", html, re.DOTALL)
    assert found, f"There is no {name}."
    return [re.sub(r"<[^>]+>", "", line).strip() for line in re.findall(r"<dd[^>]*>(.*?)</dd>", found[1])]


def section(html: str, name: str) -> str:
    return html.partition(f'aria-labelledby="{name}-heading"')[2].partition("</section>")[0]


def table(html: str, name: str) -> list[list[str]]:
    """The rows of a drawing's table."""
    body = section(html, name).partition("<tbody>")[2]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body.split("</tr>")]
    return [row for row in rows if row]


@pytest.fixture
def room(drillquiz: System) -> Client:
    return superuser().client


def test_turns_and_their_users_are_counted_by_day(room: Client, drillquiz: System) -> None:
    for user_id in ("alice", "alice", "bob"):
        say(drillquiz, NOON, user_id)
    say(drillquiz, NOON + timedelta(days=2))

    html = numbers(room)

    assert table(html, "messages") == [["Tue 10 Mar 2026", "3"], ["Wed 11 Mar 2026", "0"], ["Thu 12 Mar 2026", "1"]]
    assert table(html, "users") == [["Tue 10 Mar 2026", "2"], ["Wed 11 Mar 2026", "0"], ["Thu 12 Mar 2026", "1"]]
    assert tile(html, "Messages")[0] == "4"
    assert tile(html, "Users")[0] == "2"


def test_both_ends_of_the_period_belong_to_it(room: Client, drillquiz: System) -> None:
    for at in ("2026-03-09T23:59:59.999999", "2026-03-10T00:00", "2026-03-12T23:59:59.999999", "2026-03-13T00:00"):
        say(drillquiz, datetime.fromisoformat(at).replace(tzinfo=UTC))

    html = numbers(room)

    assert [row[1] for row in table(html, "messages")] == ["1", "0", "1"]
    assert tile(html, "Messages") == ["2", "+100 % · 1 in the period before"]


def test_a_day_begins_at_midnight_of_the_systems_zone(room: Client, drillquiz: System) -> None:
    System.objects.update(time_zone="Asia/Seoul")
    midnight = datetime(2026, 3, 10, 15, tzinfo=UTC)  # of the 11th in Seoul
    say(drillquiz, midnight - timedelta(microseconds=1))
    say(drillquiz, midnight)
    say(drillquiz, midnight + timedelta(hours=2))

    html = numbers(room)

    assert [row[1] for row in table(html, "messages")] == ["1", "2", "0"]
    assert "Asia/Seoul" in html


def test_a_day_of_23_hours_is_a_day(room: Client, drillquiz: System) -> None:
    """In Berlin, clocks go from 2:00 to 3:00 on 29 March 2026, and back on 25 October."""
    System.objects.update(time_zone="Europe/Berlin")
    for at in ("2026-03-28T22:59", "2026-03-28T23:00", "2026-03-29T00:59", "2026-03-29T01:00", "2026-03-29T22:00"):
        say(drillquiz, datetime.fromisoformat(at).replace(tzinfo=UTC))

    html = numbers(room, from_date="2026-03-28", to_date="2026-03-30")

    assert [row[1] for row in table(html, "messages")] == ["1", "3", "1"]
    sundays = {row[0][:5]: row[7] for row in table(html, "hours") if row[7] != "0"}
    assert sundays == {"00:00": "1", "01:00": "1", "03:00": "1"}


def test_zones_of_half_an_hour_have_their_hours(room: Client, drillquiz: System) -> None:
    System.objects.update(time_zone="Asia/Kathmandu")  # 5:45 east
    say(drillquiz, datetime(2026, 3, 10, 18, 14, 59, tzinfo=UTC))
    say(drillquiz, datetime(2026, 3, 10, 18, 15, tzinfo=UTC))

    html = numbers(room)

    assert [row[1] for row in table(html, "messages")] == ["1", "1", "0"]
    hours = {row[0]: row[1:] for row in table(html, "hours")}
    assert hours["23:00–24:00"][1] == "1"  # Tuesday
    assert hours["00:00–01:00"][2] == "1"  # Wednesday


def test_systems_in_different_zones_each_have_their_days(room: Client, drillquiz: System, cointutor: System) -> None:
    System.objects.filter(pk=cointutor.pk).update(time_zone="Asia/Seoul")
    evening = datetime(2026, 3, 10, 20, tzinfo=UTC)
    say(drillquiz, evening)
    say(cointutor, evening)

    assert [row[1] for row in table(numbers(room), "messages")] == ["1", "1", "0"]


def test_a_user_of_two_days_is_one_user_and_one_of_two_systems_is_two(
    room: Client, drillquiz: System, cointutor: System
) -> None:
    say(drillquiz, NOON, currency="USD")
    say(drillquiz, NOON + timedelta(days=1), currency="EUR")
    say(drillquiz, NOON + timedelta(days=1))
    say(cointutor, NOON)

    html = numbers(room)

    assert tile(html, "Users")[0] == "2"
    assert [row[1] for row in table(html, "users")] == ["2", "1", "0"]


def test_tokens_and_money_are_added_up_by_currency(room: Client, drillquiz: System) -> None:
    say(drillquiz, tokens=1200, price=Decimal("0.0000031"), currency="USD")
    say(drillquiz, tokens=34, price=Decimal("0.0000012"), currency="USD")
    say(drillquiz, tokens=None, price=Decimal("1234.5"), currency="KRW")
    say(drillquiz, NOON + timedelta(days=1))  # Dify said nothing of either

    html = numbers(room)

    assert [row[1] for row in table(html, "tokens")] == ["1,234", "0", "0"]
    assert re.findall(r'tile-number">([\d.,]+ (?:USD|KRW))', html) == ["1,234.50 KRW", "0.0000043 USD"]
    assert [row[1] for row in table(html, "cost-0")] == ["1,234.50", "0.00", "0.00"]
    assert [row[1] for row in table(html, "cost-1")] == ["0.0000043", "0.00", "0.00"]


def test_failures_are_counted_by_their_error_and_apart_from_what_was_stopped(room: Client, drillquiz: System) -> None:
    for code in ("upstream_timeout", "upstream_error", "upstream_timeout"):
        say(drillquiz, status="failed", error_code=code)
    say(drillquiz, status="stopped")
    say(drillquiz)

    html = numbers(room)

    assert table(html, "failures")[0] == ["Tue 10 Mar 2026", "3", "1"]
    assert table(html, "errors") == [["upstream_timeout", "2"], ["upstream_error", "1"]]
    assert tile(html, "Failed") == ["3", "0 in the period before", "60.0 % of the messages"]


def test_half_and_95_percent_of_the_answers_came_within(room: Client, drillquiz: System) -> None:
    for number in range(1, 101):
        say(drillquiz, latency_ms=number * 10)
    say(drillquiz, NOON + timedelta(days=1), latency_ms=12_340)
    say(drillquiz, NOON + timedelta(days=1), latency_ms=123_400)
    say(drillquiz, NOON + timedelta(days=2), status="failed", latency_ms=1)
    say(drillquiz, NOON + timedelta(days=2), latency_ms=None)

    html = numbers(room)

    assert table(html, "latency") == [
        ["Tue 10 Mar 2026", "500 ms", "950 ms"],
        ["Wed 11 Mar 2026", "12.3 s", "123 s"],
        ["Thu 12 Mar 2026", "–", "–"],
    ]
    assert tile(html, "Half answered within") == ["510 ms", "– in the period before", "95 % within 970 ms"]


def test_likes_and_dislikes_are_counted(room: Client, drillquiz: System) -> None:
    for feedback in ("like", "like", "dislike", ""):
        say(drillquiz, feedback=feedback)

    html = numbers(room)

    assert table(html, "feedback")[0] == ["Tue 10 Mar 2026", "2", "1"]
    assert tile(html, "Likes")[-1] == "66.7 % of those who rated"


def test_the_busiest_hour_is_named(room: Client, drillquiz: System) -> None:
    for hour in (9, 14, 14):
        say(drillquiz, NOON.replace(hour=hour))

    html = numbers(room)

    assert "Most messages came on Tuesdays, 14:00–15:00: 2." in html
    hours = {row[0]: row[2] for row in table(html, "hours")}
    assert {hour: number for hour, number in hours.items() if number != "0"} == {"09:00–10:00": "1", "14:00–15:00": "2"}


def test_totals_stand_beside_those_of_as_many_days_before(room: Client, drillquiz: System) -> None:
    for day in (7, 8, 9, 9):
        say(drillquiz, NOON.replace(day=day), user_id=f"user-{day}", tokens=10)
    say(drillquiz, NOON.replace(day=6))
    say(drillquiz, tokens=10)

    html = numbers(room)

    assert tile(html, "Messages") == ["1", "−75 % · 4 in the period before"]
    assert tile(html, "Users") == ["1", "−67 % · 3 in the period before"]
    assert tile(html, "Tokens") == ["10", "−75 % · 40 in the period before"]


def test_every_drawing_shows_what_its_table_says(room: Client, drillquiz: System) -> None:
    for number in range(40):
        status = ("answered", "answered", "failed", "stopped")[number % 4]
        more: dict[str, Any] = {
            "tokens": number,
            "price": Decimal(number) / 100,
            "currency": "USD",
            "latency_ms": 100 * number,
        }
        say(drillquiz, NOON + timedelta(days=number % 2), status=status, feedback=("like", "")[number % 2], **more)

    html = numbers(room)

    for name in ("messages", "users", "tokens", "cost-0", "failures", "latency", "feedback"):
        drawn = [re.findall(r"[\d.,]+(?: ms| s)?$|–$", part) for part in pointed_at(html, name)]
        tabled = [cell for row in table(html, name) for cell in row[1:]]
        assert [number for found in drawn for number in found] == tabled, name
    assert [text.rpartition(": ")[2] for text in pointed_at(html, "hours")] == [
        row[day] for day in range(1, 8) for row in table(html, "hours")
    ]


def pointed_at(html: str, name: str) -> list[str]:
    """What the drawing's places say, one by one."""
    words = re.findall(r"<rect[^>]*><title>(.*?)</title>", section(html, name))
    return words if name == "hours" else [part for text in words for part in text.partition(": ")[2].split(", ")]


def test_bars_are_as_high_as_their_numbers(room: Client, drillquiz: System) -> None:
    for place, turns in enumerate((4, 0, 2)):
        for _ in range(turns):
            say(drillquiz, NOON + timedelta(days=place))

    heights = re.findall(r'class="bar main"[^>]* height="([\d.]+)"', section(numbers(room), "messages"))

    assert float(heights[0]) == 2 * float(heights[1]) > 100
    assert len(heights) == 2


def test_more_than_92_days_are_drawn_by_week(room: Client, drillquiz: System) -> None:
    System.objects.update(time_zone="Asia/Seoul")
    say(drillquiz, datetime(2026, 1, 4, 14, 59, tzinfo=UTC))  # Sunday in Seoul
    say(drillquiz, datetime(2026, 1, 4, 15, 0, tzinfo=UTC), user_id="bob")  # Monday
    say(drillquiz, datetime(2026, 1, 10, 12, 0, tzinfo=UTC), user_id="bob")

    html = numbers(room, from_date="2026-01-01", to_date="2026-04-30")

    rows = table(html, "messages")
    assert len(rows) == 18
    assert rows[:2] == [["1 Jan – 4 Jan 2026", "1"], ["5 Jan – 11 Jan 2026", "2"]]
    assert rows[-1] == ["27 Apr – 30 Apr 2026", "0"]
    assert [row[1] for row in table(html, "users")][:2] == ["1", "1"]


def test_without_dates_the_last_thirty_days_are_shown(room: Client, drillquiz: System) -> None:
    System.objects.update(time_zone="Pacific/Kiritimati")  # 14 hours east: where the day begins first
    now = timezone.now()
    say(drillquiz, now)
    say(drillquiz, now - timedelta(days=29))
    say(drillquiz, now - timedelta(days=30))

    html = room.get(PAGE).content.decode()

    rows = table(html, "messages")
    assert (len(rows), rows[0][1], rows[-1][1]) == (30, "1", "1")
    assert tile(html, "Messages") == ["2", "+100 % · 1 in the period before"]
    assert f'value="{(now + timedelta(hours=14)):%Y-%m-%d}"' in html


def test_one_day_is_enough_to_choose_a_period(room: Client, drillquiz: System) -> None:
    begun = room.get(PAGE, {"from_date": "2026-03-01"}).content.decode()
    ended = room.get(PAGE, {"to_date": "2026-03-30"}).content.decode()

    assert table(begun, "messages") == table(ended, "messages")
    assert table(begun, "messages")[0][0] == "Sun 1 Mar 2026"


def test_operators_see_the_numbers_of_their_systems_only(drillquiz: System, cointutor: System) -> None:
    third = new_system("tutor", "http://127.0.0.1:9")
    for system, turns in ((drillquiz, 1), (cointutor, 2), (third, 4)):
        for _ in range(turns):
            say(system)
    client = operator(drillquiz, cointutor).client

    html = numbers(client)

    assert tile(html, "Messages")[0] == "3"
    assert [row[:2] for row in table(html, "systems")] == [["Cointutor", "2"], ["Drillquiz", "1"]]
    assert ">Cointutor</option>" in html
    assert ">Tutor</option>" not in html
    assert tile(numbers(client, system_id="drillquiz"), "Messages")[0] == "1"
    assert "You can see no such system." in numbers(client, 400, system_id="tutor")
    assert "You can see no such system." in numbers(client, 400, system_id="nonesuch")


def test_a_table_compares_the_systems(room: Client, drillquiz: System, cointutor: System) -> None:
    say(drillquiz, tokens=1500, price=Decimal("0.5"), currency="USD", feedback="like", latency_ms=2500)
    say(cointutor, status="failed", error_code="upstream_error")

    html = numbers(room)

    assert table(html, "systems") == [
        ["Cointutor", "1", "1", "0", "–", "1", "–", "–", "0", "0"],
        ["Drillquiz", "1", "1", "1,500", "0.50 USD", "0", "2.50 s", "2.50 s", "1", "0"],
    ]
    assert 'id="systems-heading"' not in numbers(room, system_id="drillquiz")


def test_strangers_are_sent_to_the_login(drillquiz: System) -> None:
    assert Client().get(PAGE).status_code == 302
    staff = Client()
    staff.force_login(User.objects.create_user("newcomer", is_staff=True))
    assert staff.get(PAGE).status_code == 403


def test_an_empty_period_says_so_and_draws_zeros(room: Client, drillquiz: System) -> None:
    html = numbers(room)

    assert "Nobody said anything in this period." in html
    assert [row[1] for row in table(html, "messages")] == ["0", "0", "0"]
    assert tile(html, "Half answered within")[0] == "–"
    assert "nan" not in html.lower().replace("nobody", "")


@pytest.mark.django_db
def test_without_a_system_the_page_says_how_to_begin() -> None:
    response = superuser().client.get(PAGE)

    assert response.status_code == 200
    assert "There is no system yet" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"from_date": "2026-02-30"}, "Write a day like 2026-11-30."),
        ({"to_date": "yesterday"}, "Write a day like 2026-11-30."),
        ({"from_date": "10/03/2026"}, "Write a day like 2026-11-30."),
        ({"from_date": "2026-03-13"}, "This is before the first day."),
        ({"from_date": "2025-03-11"}, "These are 367 days. Choose at most 366."),
        ({"from_date": "0001-01-01", "to_date": "0001-01-02"}, "Choose a day from 2000-01-01 to 2100-01-01."),
        ({"from_date": "9999-12-31", "to_date": "9999-12-31"}, "Choose a day from 2000-01-01 to 2100-01-01."),
        ({"from_date": "9999-12-31", "to_date": ""}, "Choose a day from 2000-01-01 to 2100-01-01."),
        ({"from_date": "", "to_date": "0001-01-01"}, "Choose a day from 2000-01-01 to 2100-01-01."),
        ({"system_id": "x' OR 1=1 --"}, "You can see no such system."),
        ({"from_date": "\0"}, "Write a day like 2026-11-30."),
        ({"to_date": "9" * 10_000}, "Write a day like 2026-11-30."),
    ],
)
def test_bad_input_is_named_beside_its_field(room: Client, drillquiz: System, query: dict[str, str], said: str) -> None:
    html = numbers(room, 400, **query)

    assert f">{said}</p>" in html
    assert "<svg viewBox" not in html


def test_a_year_is_not_too_long(room: Client, drillquiz: System) -> None:
    say(drillquiz)

    html = numbers(room, from_date="2025-03-12", to_date="2026-03-12")

    assert sum(int(row[1]) for row in table(html, "messages")) == 1


def test_names_are_shown_as_they_are_and_nothing_runs(room: Client, drillquiz: System, cointutor: System) -> None:
    System.objects.filter(pk=cointutor.pk).update(name="<b>Coin</b>")
    say(drillquiz, status="failed", error_code="<script>x</script>", currency="<i>", price=Decimal(1))

    response = room.get(PAGE, {"from_date": "2026-03-10", "to_date": "2026-03-12"})
    html = response.content.decode()

    assert "<script>x" not in html
    assert "<b>Coin" not in html
    assert "<i>" not in html
    assert not re.search(r"\sstyle=|<style|\son\w+=", html)
    assert "unsafe" not in response["Content-Security-Policy"]


def test_the_statements_do_not_grow_with_the_rows(
    room: Client, drillquiz: System, cointutor: System, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        say((drillquiz, cointutor)[number % 2], NOON + timedelta(hours=number), user_id=f"user-{number}")

    with django_assert_max_num_queries(11):
        numbers(room)


def test_what_took_long_to_count_is_kept_for_a_while_and_says_so(
    room: Client, drillquiz: System, cointutor: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers_kept, "LONG", 0)
    say(drillquiz)
    assert "Counted at" not in numbers(room)

    say(drillquiz)
    say(cointutor)
    kept = numbers(room)

    assert "Counted at" in kept
    assert tile(kept, "Messages")[0] == "1"
    assert tile(numbers(room, to_date="2026-03-11"), "Messages")[0] == "3"
    assert tile(numbers(room, system_id="drillquiz"), "Messages")[0] == "2"


def test_what_is_counted_at_once_is_never_old(room: Client, drillquiz: System) -> None:
    say(drillquiz)
    numbers(room)
    say(drillquiz)

    assert tile(numbers(room), "Messages")[0] == "2"
