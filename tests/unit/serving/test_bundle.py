from pathlib import Path

import pytest

from serving.bundle import open_bundle
from serving.errors import ArtefactError


@pytest.mark.parametrize("manifest", ["", '{"version": 1, "bundle', "[1]", '"text"'])
def test_a_manifest_that_is_not_whole_is_refused(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ArtefactError, match=r"manifest\.json is no JSON.*export it again"):
        open_bundle(tmp_path)
