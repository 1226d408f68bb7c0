"""Where an axis ends and which numbers stand beside it."""

import math

MOST_STEPS = 4


def ticks(highest: float, whole: bool) -> list[float]:
    """From zero to at least `highest`, in steps of 1, 2 or 5 and any number of zeros."""
    if highest <= 0:
        return [0, 1]
    step = nice(highest / MOST_STEPS)
    step = max(1, step) if whole else step
    count = math.ceil(round(highest / step, 9))
    return [round(number * step, 10) for number in range(count + 1)]


def nice(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9)))


def every(count: int, most: int) -> range:
    """The places of at most so many out of `count` that stand evenly apart."""
    return range(0, count, max(1, math.ceil(count / most)))
