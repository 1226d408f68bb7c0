"""What the partial indexes of turns are about, in so many words.

Only by the same words, not by parameters, does SQLite prove that an index has every row that is asked for.
"""

from django.db.models import BooleanField, F, Func, Q


def literally(column: str, template: str) -> Q:
    return Q(Func(F(column), template=template, output_field=BooleanField()))


UNANSWERED = literally("status", "%(expressions)s IN ('failed', 'stopped')")  # messages_unanswered
RUNNING = literally("status", "%(expressions)s = 'pending'")  # messages_running
RATED = literally("feedback", "NOT (%(expressions)s = '')")  # messages_rated
SELDOM = {"failed": UNANSWERED, "stopped": UNANSWERED, "pending": RUNNING}


def of_status(status: str) -> Q:
    """Turns of this status, by an index if they are seldom."""
    return Q(status=status) & SELDOM.get(status, Q())


def of_feedback(feedback: str) -> Q:
    """Turns that are rated so, or with an empty text those that nobody rated."""
    return Q(feedback=feedback) & (RATED if feedback else Q())
