"""The API as its protos describe it: descriptors that know their types, and what is said of each."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool

ROOT = Path(__file__).parents[1]
BUF = str(Path(sys.prefix) / "bin/buf")
PACKAGE = "recserve.v1"
# Field numbers within descriptor.proto, of which source paths are made.
MESSAGE, ENUM, SERVICE, FIELD, NESTED, NESTED_ENUM, VALUE, METHOD = 4, 5, 6, 2, 3, 4, 2, 2
SYNTAX = 12  # what stands before the first line speaks for the file

Named = tuple[tuple[int, ...], str]
Service: TypeAlias = Any  # descriptors as the pool gives them, whose classes are without types
Message: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Api:
    """`comments` by name without the package, such as `Filter.field`; each one a single line."""

    services: tuple[Service, ...]
    comments: Mapping[str, str]

    def requests(self) -> tuple[Message, ...]:
        """The messages that a caller can send, at any depth, in the order of the methods."""
        return reached(m.input_type for s in self.services for m in s.methods)

    def messages(self) -> tuple[Message, ...]:
        """Of both ways, each method's request first and then its response."""
        methods = [m for s in self.services for m in s.methods]
        return reached(one for m in methods for one in (m.input_type, m.output_type))

    def responses(self) -> tuple[Message, ...]:
        return reached(m.output_type for s in self.services for m in s.methods)


def build() -> FileDescriptorSet:
    """With comments; a file stands after those that it imports."""
    built = subprocess.run([BUF, "build", "-o", "-"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return FileDescriptorSet.FromString(built.stdout)


def own_files(built: FileDescriptorSet) -> list[FileDescriptorProto]:
    return [file for file in built.file if file.package == PACKAGE]


def read_api() -> Api:
    built = build()
    pool: Any = DescriptorPool()
    for file in built.file:
        pool.Add(file)
    own = own_files(built)
    services = [f"{PACKAGE}.{service.name}" for file in own for service in file.service]
    said = {name: text for file in own for name, text in comments(file).items()}
    return Api(tuple(pool.FindServiceByName(name) for name in services), said)


def reached(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Our messages among these and in their fields, each once, as one reads on from the first."""
    found: dict[str, Message] = {}

    def visit(message: Message) -> None:
        if message.file.package == PACKAGE and message.full_name not in found:
            found[message.full_name] = message
            for field in message.fields:
                if field.message_type:
                    visit(field.message_type)

    for message in messages:
        visit(message)
    return tuple(found.values())


def short(full_name: str) -> str:
    """Without our package; what is of another keeps its own."""
    return full_name.removeprefix(f"{PACKAGE}.")


def comments(file: FileDescriptorProto) -> dict[str, str]:
    """Of all that has one."""
    said = {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
    }
    return {name: said[path] for path, name in named(file) if said.get(path)}


def named(file: FileDescriptorProto) -> Iterator[Named]:
    """All that ought to be commented, with its source path; the file itself by its own name."""
    yield (SYNTAX,), file.name
    for n, message in enumerate(file.message_type):
        yield from _of_message((MESSAGE, n), message.name, message)
    for n, enum in enumerate(file.enum_type):
        yield from _of_enum((ENUM, n), enum.name, enum)
    for n, service in enumerate(file.service):
        yield (SERVICE, n), service.name
        for m, method in enumerate(service.method):
            yield (SERVICE, n, METHOD, m), f"{service.name}.{method.name}"


def _of_message(path: tuple[int, ...], name: str, message: DescriptorProto) -> Iterator[Named]:
    yield path, name
    for n, field in enumerate(message.field):
        yield (*path, FIELD, n), f"{name}.{field.name}"
    for n, nested in enumerate(message.nested_type):
        yield from _of_message((*path, NESTED, n), f"{name}.{nested.name}", nested)
    for n, enum in enumerate(message.enum_type):
        yield from _of_enum((*path, NESTED_ENUM, n), f"{name}.{enum.name}", enum)


def _of_enum(path: tuple[int, ...], name: str, enum: EnumDescriptorProto) -> Iterator[Named]:
    yield path, name
    for n, value in enumerate(enum.value):
        yield (*path, VALUE, n), f"{name}.{value.name}"
