"""The API says what it means, and stays what it was."""

import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from protos.descriptors import BUF, FIELD, MESSAGE, build, comments, named, own_files
from tests.meta.imports import ROOT

BASELINE = ROOT / "protos/baseline/recserve.binpb"


@pytest.fixture
def files() -> list[FileDescriptorProto]:
    return own_files(build())


def test_every_message_field_enum_value_service_and_method_is_commented(
    files: list[FileDescriptorProto],
) -> None:
    assert len([name for file in files for name in named(file)]) > 50
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
    said = comments(file)
    return [name for _, name in named(file) if name not in said]
