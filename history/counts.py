"""Numbers of rows, in words."""


def in_words(counted: dict[str, int]) -> list[str]:
    """`{"turns": 2, "chat_users": 1, "uploads": 0}` is “2 turns” and “1 chat user”."""
    return [number_of(what, number) for what, number in counted.items() if number]


def number_of(what: str, number: int) -> str:
    name = what.replace("_", " ")
    return f"{number:,} {name.removesuffix('s') if number == 1 else name}"
