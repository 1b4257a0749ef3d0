import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from serving.errors import ArtefactError
from serving.local.bundles import deployed, write_clock

NOW = datetime(2017, 11, 27, 5, tzinfo=UTC)


def test_links_are_followed_and_the_datas_own_now_is_read(tmp_path: Path):
    made = ("bundles/b1", "snapshots/s1", "search/i1", "encoders/e1", "vectors/v1")
    for folder in (*made, "prepared"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in made:
        kind, name = folder.split("/")
        (tmp_path / kind / "current").symlink_to(name)
    (tmp_path / "prepared/features.yaml").write_text('now: "2017-11-27T05:00:00Z"\n')
    found = deployed(tmp_path)
    assert (found.bundle, found.snapshot) == (tmp_path / "bundles/b1", tmp_path / "snapshots/s1")
    assert (found.search, found.vectors) == (tmp_path / "search/i1", tmp_path / "vectors/v1")
    assert found.repositories == (
        tmp_path / "bundles/b1/models",
        tmp_path / "encoders/e1/models",
    )
    assert found.now == NOW


def test_what_is_not_made_yet_is_named(tmp_path: Path):
    with pytest.raises(
        ArtefactError, match="bundles/current is not there yet; make start makes it"
    ):
        deployed(tmp_path)


def test_the_clock_shows_now_at_the_moment_it_is_written(tmp_path: Path):
    path = tmp_path / "clock.json"
    before = time.time()
    write_clock(path, NOW)
    after = time.time()
    clock = json.loads(path.read_text())
    assert clock["now"] == "2017-11-27T05:00:00Z"
    assert before + clock["offset_s"] <= NOW.timestamp() <= after + clock["offset_s"]
