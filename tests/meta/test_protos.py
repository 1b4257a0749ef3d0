"""The API says what it means, and stays what it was."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from tests.meta.imports import ROOT

BUF = str(Path(sys.prefix) / "bin/buf")
BASELINE = ROOT / "protos/baseline/recserve.binpb"
# Field numbers within descriptor.proto, of which source paths are made.
MESSAGE, ENUM, SERVICE, FIELD, NESTED, NESTED_ENUM, VALUE, METHOD = 4, 5, 6, 2, 3, 4, 2, 2
Named = tuple[tuple[int, ...], str]


@pytest.fixture(scope="module")
def files() -> list[FileDescriptorProto]:
    built = subprocess.run([BUF, "build", "-o", "-"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return [
        f for f in FileDescriptorSet.FromString(built.stdout).file if f.package == "recserve.v1"
    ]


def test_every_message_field_enum_value_service_and_method_is_commented(
    files: list[FileDescriptorProto],
) -> None:
    names = [named for file in files for named in _named(file)]
    assert len(names) > 50
    assert [name for file in files for name in _silent(file)] == []


def test_a_missing_comment_is_noticed(files: list[FileDescriptorProto]) -> None:
    for location in files[0].source_code_info.location:
        if tuple(location.path) == (MESSAGE, 0, FIELD, 0):
            location.leading_comments = " "
    assert len(_silent(files[0])) == 1


def test_the_api_breaks_no_earlier_client() -> None:
    assert _breaking(ROOT).stdout == ""


def test_a_breaking_change_is_noticed(tmp_path: Path) -> None:
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    shutil.copytree(ROOT / "protos/recserve", tmp_path / "protos/recserve")
    path = tmp_path / "protos/recserve/v1/recommendation_service.proto"
    path.write_text(path.read_text().replace("int32 page_size = 3", "int64 page_size = 3"))
    assert "page_size" in _breaking(tmp_path).stdout


def _breaking(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [BUF, "breaking", "--against", str(BASELINE)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _silent(file: FileDescriptorProto) -> list[str]:
    said = {
        tuple(location.path)
        for location in file.source_code_info.location
        if location.leading_comments.strip()
    }
    return [name for path, name in _named(file) if path not in said]


def _named(file: FileDescriptorProto) -> Iterator[Named]:
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
