"""What is wrong with a field of a request, in the words of either version."""

from dataclasses import dataclass
from typing import Any


class Absent:
    """Not there at all, as opposed to null."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Problem:
    """`model`, `kind` and `rule` are what 1.13.2's validation (pydantic) says; `in_0153` is what 0.15.3's says."""

    field: str
    value: Any
    model: str
    kind: str
    rule: str
    in_0153: str

    def in_1132(self) -> str:
        shown = "{...}" if self.value is ABSENT else repr(self.value)
        named = "dict" if self.value is ABSENT else type(self.value).__name__
        where = f"{self.field}\n" if self.field else ""
        return (
            f"1 validation error for {self.model}\n{where}  {self.rule} "
            f"[type={self.kind}, input_value={shown}, input_type={named}]\n"
            f"    For further information visit https://errors.pydantic.dev/2.12/v/{self.kind}"
        )


def missing(field: str, model: str, place: str = "JSON body") -> Problem:
    old = f"Missing required parameter in the {place}"
    return Problem(field, ABSENT, model, "missing", "Field required", old)


def not_a_choice(field: str, value: Any, model: str, choices: tuple[str, ...]) -> Problem:
    quoted = [f"'{choice}'" for choice in choices]
    rule = f"Input should be {', '.join(quoted[:-1])} or {quoted[-1]}"
    return Problem(field, value, model, "literal_error", rule, f"{value} is not a valid choice")


def not_a_uuid(field: str, value: Any, model: str) -> Problem:
    subject = "conversation_id must" if model == "ChatRequestPayload" else "must"
    rule = f"Value error, {subject} be a valid UUID"
    return Problem(field, value, model, "value_error", rule, f"{value} is not a valid uuid.")


def not_an_integer(field: str, value: str, model: str) -> Problem:
    rule = "Input should be a valid integer, unable to parse string as an integer"
    return Problem(field, value, model, "int_parsing", rule, f"{value} is not a valid integer")


def out_of_range(field: str, value: str, model: str, low: int, high: int) -> Problem:
    over = int(value) > high
    kind = "less_than_equal" if over else "greater_than_equal"
    rule = f"Input should be {kind.replace('_', ' ').replace('equal', 'or equal')} to {high if over else low}"
    old = f"Invalid argument: {value}. argument must be within the range {low} - {high}"
    return Problem(field, value, model, kind, rule, old)


def not_a_string(field: str, value: Any, model: str) -> Problem:
    return Problem(field, value, model, "string_type", "Input should be a valid string", f"{value} is not a string")


def not_a_dictionary(field: str, value: Any, model: str) -> Problem:
    old = "dictionary update sequence element #0 has length 1; 2 is required"
    return Problem(field, value, model, "dict_type", "Input should be a valid dictionary", old)


def no_name(body: dict[str, Any], model: str) -> Problem:
    rule = "Value error, name is required when auto_generate is false"
    return Problem("", body, model, "value_error", rule, "name is required")
