"""A file of synonyms: what is read, and what is refused by its line."""

from pathlib import Path

import pytest

from serving.errors import ArtefactError
from serving.search.analysis import Analysis
from serving.search.synonyms import MOST_LINES, Synonyms, read_synonyms

ENGLISH = Analysis("en")


def read(folder: Path, text: str) -> Synonyms:
    path = folder / "synonyms.txt"
    path.write_text(text, encoding="utf-8")
    return read_synonyms(path, ENGLISH)


def readings(of: Synonyms, query: str) -> list[tuple[tuple[str, ...], ...]]:
    return [part.readings for part in of.parts(ENGLISH.asked(query))]


def test_equal_words_stand_for_each_other(tmp_path: Path) -> None:
    of = read(tmp_path, "# drinks\nsoda, pop, soft drink  # any\n\n")
    assert readings(of, "sodas") == [(("soda",), ("pop",), ("soft", "drink"))]
    assert readings(of, "cold soft drinks") == [
        (("cold",),),
        (("soft", "drink"), ("soda",), ("pop",)),
    ]
    assert readings(of, "soft cheese") == [(("soft",),), (("chees",),)]


def test_an_arrow_goes_one_way(tmp_path: Path) -> None:
    of = read(tmp_path, "nappy, napkin => diaper")
    assert readings(of, "nappies") == [(("nappi",), ("diaper",))]
    assert readings(of, "diapers") == [(("diaper",),)]


def test_lines_about_the_same_word_add_up(tmp_path: Path) -> None:
    of = read(tmp_path, "pop => soda\npop, cola\npop => soda")
    assert readings(of, "pop") == [(("pop",), ("soda",), ("cola",))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soda", "line 1: 'soda' names one thing alone"),
        ("a, b\nsoda, ", "line 2: '' has 0 words"),
        ("soda =>", "line 1: '' has 0 words"),
        ("soda => !!!", "'!!!' has 0 words"),
        ("one two three four five six seven eight nine => x", "has 9 words; 1 to 8"),
        ("\n" * (MOST_LINES + 1), "has 20,001 lines; at most 20,000"),
    ],
)
def test_a_bad_file_is_refused_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ArtefactError, match="synonyms") as refused:
        read(tmp_path, text)
    assert said in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "synonyms.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArtefactError, match="can't be read as UTF-8"):
        read_synonyms(tmp_path / "synonyms.txt", ENGLISH)
    with pytest.raises(ArtefactError, match="can't be read"):
        read_synonyms(tmp_path / "none.txt", ENGLISH)


def test_none_leave_every_word_as_it_is() -> None:
    assert readings(Synonyms(), "soft drink") == [(("soft",),), (("drink",),)]
