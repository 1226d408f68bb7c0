"""What somebody typed into the search, as the words that must occur."""

MAX_CHARACTERS = 500
MAX_WORDS = 10


def words_of(q: str) -> list[str]:
    """Split at white space, without regard to case. Quotes, % and the like mean themselves."""
    return list(dict.fromkeys(folded(q).split()))


def said(query: str, answer: str) -> str:
    """A turn as it is searched."""
    return folded(f"{query}\n{answer}")


def folded(text: str) -> str:
    """In lower case, the same on every database: Greek writes one s at the end of a word, which is the s within."""
    return text.lower().replace("ς", "σ")
