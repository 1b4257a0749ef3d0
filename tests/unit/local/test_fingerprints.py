from pathlib import Path

from serving.local.fingerprints import fingerprint


def test_a_fingerprint_changes_with_settings_and_code_and_nothing_else(tmp_path: Path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/a.py").write_text("a = 1")
    sources = [tmp_path / "code"]
    first = fingerprint({"port": 1}, sources)
    (tmp_path / "code/notes.txt").write_text("not code")
    (tmp_path / "code/a.py").touch()
    assert fingerprint({"port": 1}, sources) == first
    assert fingerprint({"port": 2}, sources) != first
    (tmp_path / "code/a.py").write_text("a = 2")
    assert fingerprint({"port": 1}, sources) != first


def test_a_single_file_counts_whatever_its_name(tmp_path: Path):
    lock = tmp_path / "project.lock"
    lock.write_text("numpy==1")
    first = fingerprint([], [lock])
    lock.write_text("numpy==2")
    assert fingerprint([], [lock]) != first
