"""Where a page of a list ended, signed: the next one begins after it, whatever was added or deleted meanwhile."""

from datetime import datetime
from typing import NamedTuple, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import ValidationError

Row = TypeVar("Row", bound=Model)


class Position(NamedTuple):
    """After this row, newest first. `half` is for lists that show a row as two: the second is still to come."""

    at: datetime
    id: int
    half: bool = False


def written(kind: str, position: Position) -> str:
    """`kind` is the list; another list's cursors are refused."""
    return signing.dumps([position.at.isoformat(), position.id, position.half], salt=f"history.cursor.{kind}")


def read(kind: str, text: str) -> Position | None:
    """None where there is no cursor. Raises ValidationError for one that was not written here."""
    if not text:
        return None
    try:
        at, row_id, half = signing.loads(text, salt=f"history.cursor.{kind}")
    except signing.BadSignature:
        raise ValidationError({"cursor": ["Use the cursor of a Link header as it is, or none."]}) from None
    return Position(datetime.fromisoformat(at), row_id, half)


def after(rows: QuerySet[Row], column: str, position: Position | None) -> QuerySet[Row]:
    """The rows behind `position`, for a list ordered by `column` and then id, both descending."""
    if position is None:
        return rows
    older, as_old = Q(**{f"{column}__lt": position.at}), Q(**{f"{column}__lte": position.at})
    this_one = Q(id=position.id) if position.half else Q()
    # The first condition says nothing new, but it is one that an index can begin with.
    return rows.filter(as_old, older | Q(id__lt=position.id) | this_one)


def before(rows: QuerySet[Row], column: str, position: Position | None) -> QuerySet[Row]:
    """The rows in front of `position`, the nearest first, of a list that is ordered the same way."""
    if position is None:
        return rows
    newer, as_new = Q(**{f"{column}__gt": position.at}), Q(**{f"{column}__gte": position.at})
    return rows.filter(as_new, newer | Q(id__gt=position.id)).order_by(column, "id")
