"""What the comment of a field has to say to be a contract. Each rule gives what it misses."""

import re
from collections.abc import Iterator
from typing import Any

from protos.descriptors import Api, Message, short

Field = Any

LIKE = re.compile(r"\bAs in (\w+\.\w+)")
PRESENCE = re.compile(r"(Required|Optional)\. ")
DEFAULT = re.compile(r"\bDefault\b|\bEmpty:|\bAbsent\b|\b0 means\b")
RANGE = re.compile(r"\d to \d|\b[Ff]rom \S+ up to\b|\babove \d|\b\d or more\b|\bfinite\b")
UNIT = re.compile(
    r"\b([Hh]ow many|[Pp]osition|currency|unit|odds|seconds|[Mm]illiseconds|[Dd]ays)\b"
)
LIMIT = re.compile(r"\b([Aa]t most|\d to) \d|\b[Oo]ne of [A-Z]\w+\.\w+")
REFUSAL = re.compile(r"\b(INVALID_ARGUMENT|ignored)\b")
# A name's last part, and the word for it in the comment.
SUFFIXES = {"_ms": "illiseconds", "_us": "icroseconds", "_s": "econds", "_days": "ays"}


def problems(api: Api) -> list[str]:
    """Of all fields that a caller can send or get, by name."""
    told = [(f, p) for message in api.requests() for f, p in of_request(message, api)]
    told += [(f, p) for message in api.responses() for f, p in of_response(message, api)]
    return list(dict.fromkeys(f"{short(field.full_name)}: {problem}" for field, problem in told))


def of_request(message: Message, api: Api) -> Iterator[tuple[Field, str]]:
    for field in message.fields:
        name = short(field.full_name)
        try:
            said = resolved(name, api)
        except KeyError as missing:
            yield field, f"refers to {missing.args[0]}, which there is not"
            continue
        yield from ((field, problem) for problem in request_gaps(field, api.comments[name], said))


def request_gaps(field: Field, own: str, said: str) -> Iterator[str]:
    """`own` is the comment itself, `said` the same and what it refers to."""
    if not PRESENCE.match(own):
        yield "does not begin with Required. or Optional."
    if own.startswith("Optional.") and not DEFAULT.search(said):
        yield "states no default"
    if ranged(field) and not RANGE.search(said):
        yield "states no range"
    if numeric(field) and not measured(field, said):
        yield "states no unit"
    needed = field.is_repeated + (field.type in {field.TYPE_STRING, field.TYPE_BYTES})
    if len(LIMIT.findall(said)) < needed:
        yield "states no limit" if needed == 1 else "states no limit of number or of length"
    limited = needed or ranged(field) or field.enum_type
    if limited and not REFUSAL.search(said):
        yield "does not say what happens at the limit"


def of_response(message: Message, api: Api) -> Iterator[tuple[Field, str]]:
    for field in message.fields:
        said = api.comments[short(field.full_name)]
        if numeric(field) and not (RANGE.search(said) or UNIT.search(said)):
            yield field, "states neither range nor unit"
        if numeric(field) and not suffix_told(field, said):
            yield field, "does not name the unit that its name ends in"


def resolved(name: str, api: Api) -> str:
    """The comment, and that of the field that it says it is like. Raises KeyError without one."""
    said = api.comments[name]
    like = LIKE.search(said)
    return f"{said} {resolved(like.group(1), api)}" if like else said


def numeric(field: Field) -> bool:
    others = {field.CPPTYPE_STRING, field.CPPTYPE_MESSAGE, field.CPPTYPE_ENUM, field.CPPTYPE_BOOL}
    return field.cpp_type not in others


def ranged(field: Field) -> bool:
    """A number, or an instant."""
    instant = bool(field.message_type) and field.message_type.name == "Timestamp"
    return numeric(field) or instant


def measured(field: Field, said: str) -> bool:
    return bool(UNIT.search(said)) and suffix_told(field, said)


def suffix_told(field: Field, said: str) -> bool:
    words = [word for suffix, word in SUFFIXES.items() if field.name.endswith(suffix)]
    return all(word in said for word in words)
