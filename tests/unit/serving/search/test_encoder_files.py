from pathlib import Path

import pytest

from serving.errors import ArtefactError
from serving.search.encoder_files import open_encoder
from tests.fakes.encoders import LENGTHS, sign, write_encoder


def test_a_folder_is_opened_through_its_link(tmp_path: Path):
    made = write_encoder(tmp_path / "one", dimension=5)
    (tmp_path / "current").symlink_to("one")
    opened = open_encoder(tmp_path / "current")
    assert opened == made
    assert (opened.dimension, opened.lengths, opened.max_batch) == (5, LENGTHS, 4)


def test_a_changed_file_is_refused(tmp_path: Path):
    write_encoder(tmp_path)
    with (tmp_path / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ArtefactError, match=r"was changed after it was made: .*search\.encoder"):
        open_encoder(tmp_path)


def test_another_encoder_has_another_id(tmp_path: Path):
    first, second = write_encoder(tmp_path / "a", 3), write_encoder(tmp_path / "b", 4)
    assert first.encoder_id != second.encoder_id


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, r"manifest\.json is missing"),
        ("{", "is no JSON"),
        ("[]", "is not of version 1"),
        ('{"version": 2}', "is not of version 1"),
        ('{"version": 1, "encoder_id": "x", "model": 3}', "lacks model, dimension"),
    ],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, manifest: str | None, message: str):
    write_encoder(tmp_path)
    path = tmp_path / "manifest.json"
    path.unlink() if manifest is None else path.write_text(manifest)
    with pytest.raises(ArtefactError, match=message):
        open_encoder(tmp_path)


def test_what_is_signed_anew_opens(tmp_path: Path):
    write_encoder(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    sign(tmp_path)
    assert open_encoder(tmp_path).tokenizer.read_text() == "{}"
