"""Writes docs/api.md: the preface, then what the protos say, then the status codes.

`python -m protos.reference`, from the repository's folder.
"""

import re
from collections.abc import Iterator
from typing import Any

from protos.descriptors import ROOT, Api, Message, Service, read_api, short
from protos.status_table import status_table

PAGE = ROOT / "docs/api.md"
PREFACE = ROOT / "protos/preface.md"
OTHERS = {
    "google.protobuf.Timestamp": "https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp"
}
SCALARS = ("double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string")
MENTION = re.compile(r"(?<![`\w])([A-Z]\w+)\.\w+")


def page(api: Api) -> str:
    """All of it, as Markdown."""
    lines = [PREFACE.read_text().rstrip(), "", "## Methods", ""]
    lines += contents(api)
    for service in api.services:
        lines += ["", *of_service(service, api)]
    lines += ["", "## Messages"]
    for message in api.messages():
        lines += ["", *of_message(message, api)]
    lines += ["", "## Enums"]
    for enum in enums(api):
        lines += ["", *of_enum(enum, api)]
    lines += ["", "## Status codes", "", *status_table()]
    lines += [
        "",
        "Each carries a `RequestInfo` besides, but for what gRPC itself refuses. It ends calls that reach",
    ]
    lines += ["a server as that stops, with `CANCELLED` (1): try again.", ""]
    return "\n".join(lines)


def contents(api: Api) -> Iterator[str]:
    yield "| method | |"
    yield "|---|---|"
    for service in api.services:
        for method in service.methods:
            name = f"{service.name}.{method.name}"
            first, _, _ = api.comments[name].partition(". ")
            yield f"| [{name}](#{anchor(name)}) | {told(first.rstrip('.') + '.', api)} |"


def of_service(service: Service, api: Api) -> Iterator[str]:
    yield f"## {service.name}"
    yield ""
    yield told(api.comments[service.file.name], api)
    for method in service.methods:
        name = f"{service.name}.{method.name}"
        yield ""
        yield f"### {name}"
        yield ""
        yield f"Takes {link(method.input_type)}, returns {link(method.output_type)}."
        yield ""
        yield told(api.comments[name], api)


def of_message(message: Message, api: Api) -> Iterator[str]:
    name = short(message.full_name)
    yield f"### {name}"
    yield ""
    yield told(api.comments[name], api)
    yield ""
    yield "| field | type | |"
    yield "|---|---|---|"
    for field in message.fields:
        said = told(api.comments[f"{name}.{field.name}"], api)
        yield f"| `{field.name}` | {type_of(field)} | {said} |"


def of_enum(enum: Any, api: Api) -> Iterator[str]:
    name = short(enum.full_name)
    yield f"### {name}"
    yield ""
    yield told(api.comments[name], api)
    yield ""
    yield "| value | number | |"
    yield "|---|---|---|"
    for value in enum.values:
        said = told(api.comments[f"{name}.{value.name}"], api)
        yield f"| `{value.name}` | {value.number} | {said} |"


def enums(api: Api) -> list[Any]:
    """In the order in which the messages name them."""
    named = [f.enum_type for message in api.messages() for f in message.fields if f.enum_type]
    return list({enum.full_name: enum for enum in named}.values())


def type_of(field: Any) -> str:
    composed = field.message_type or field.enum_type
    name = link(composed) if composed else scalar(field)
    scalar_with_presence = field.has_presence and not field.message_type
    label = "repeated " if field.is_repeated else "optional " if scalar_with_presence else ""
    return label + name


def scalar(field: Any) -> str:
    """As the proto writes it."""
    return next(s for s in SCALARS if field.type == getattr(field, f"TYPE_{s.upper()}"))


def link(described: Any) -> str:
    name = described.full_name
    return f"[{described.name}]({OTHERS.get(name) or '#' + anchor(short(name))})"


def told(comment: str, api: Api) -> str:
    """With a link wherever it names a field of a message."""

    def linked(found: re.Match[str]) -> str:
        whole, message = found.group(0), found.group(1)
        return f"[{whole}](#{anchor(message)})" if whole in api.comments else whole

    return MENTION.sub(linked, comment).replace("|", "\\|")


def anchor(heading: str) -> str:
    return heading.lower().replace(".", "")


if __name__ == "__main__":
    PAGE.write_text(page(read_api()))
