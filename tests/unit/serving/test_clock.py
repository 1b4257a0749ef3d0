import time
from pathlib import Path

import pytest

from serving.clock import Clock, read_clock
from serving.errors import ArtefactError


def test_without_a_file_the_clock_is_the_wall_clock() -> None:
    assert read_clock(None) == Clock(0.0)


def test_the_offset_of_the_file_is_added_to_the_wall_clock(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    path.write_text('{"now": "2017-11-27T05:00:00Z", "offset_s": -3600.5}')
    clock = read_clock(path)
    before, now_s, now_us, after = time.time(), clock.now_s(), clock.now_us(), time.time()
    assert before - 3600.5 <= now_s <= after - 3600.5
    assert before - 3600.5 <= now_us / 1e6 + 1e-5
    assert now_us / 1e6 <= after - 3600.5 + 1e-5


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is no JSON"),
        ("[]", "needs a finite number offset_s, got None"),
        ("{}", "needs a finite number offset_s, got None"),
        ('{"offset_s": "1"}', "got '1'"),
        ('{"offset_s": true}', "got True"),
        ('{"offset_s": NaN}', "got nan"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "clock.json"
    path.write_text(content)
    with pytest.raises(ArtefactError, match=complaint) as raised:
        read_clock(path)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"absent.json can't be read: No such file"):
        read_clock(tmp_path / "absent.json")
