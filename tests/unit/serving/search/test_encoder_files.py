from pathlib import Path

import pytest

from serving.errors import ArtefactError
from serving.search.encoder_files import identity, model_name, open_encoder
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
    with pytest.raises(
        ArtefactError, match=r"was changed after it was made: tokenizer\.json; .*encoder"
    ):
        open_encoder(tmp_path)


def test_another_encoder_has_another_id(tmp_path: Path):
    first, second = write_encoder(tmp_path / "a", 3), write_encoder(tmp_path / "b", 4)
    assert first.encoder_id != second.encoder_id


def test_the_id_is_of_graph_tokenizer_and_form_alone(tmp_path: Path):
    """What differs between machines in the last digit, such as golden answers, makes no other encoder."""
    made = write_encoder(tmp_path)
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden/answers.npz").write_bytes(b"measured elsewhere")
    sign(tmp_path)
    assert open_encoder(tmp_path).encoder_id == made.encoder_id
    form = {"dimension": 3, "lengths": [4], "max_batch": 1, "unknown_token": "?"}
    ids = {
        identity(b"graph", b"tokenizer", form),
        identity(b"other", b"tokenizer", form),
        identity(b"graph", b"other", form),
        identity(b"graph", b"tokenizer", form | {"lengths": [8]}),
    }
    assert len(ids) == 4
    assert len({model_name(one) for one in ids}) == 4


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
