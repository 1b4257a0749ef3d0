import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.features.keys import bytes_key, composite_key, id_key, string_key, string_keys


def test_a_string_key_never_changes() -> None:
    """Stored rows and trained vocabularies hold these numbers."""
    assert string_key("GROCERY") == 3_815_877_728_243_155_275
    assert string_key("") == 6_174_358_205_832_085_067


@settings(deadline=None)
@given(st.text())
def test_a_string_key_is_never_negative_and_fits_int64(text: str) -> None:
    assert 0 <= string_key(text) < 2**63
    assert string_keys([text, text]).tolist() == [string_key(text)] * 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("-1", None),
        ("", None),
        ("1.0", None),
        ("٣", None),
        ("007", 7),
    ],
)
def test_an_integer_id_is_its_own_key(text: str, key: int | None) -> None:
    assert id_key(text, "integer") == key


def test_a_string_id_is_hashed_whatever_it_looks_like() -> None:
    assert id_key("12", "string") == string_key("12")


def test_an_entity_of_several_ids_has_a_key_of_its_own_by_their_order() -> None:
    """Fixed with KEY_VERSION, as all keys are."""
    assert composite_key([string_key("ada"), 7]) == 6542491527096186112
    assert composite_key([7, string_key("ada")]) != composite_key([string_key("ada"), 7])
    assert composite_key([7]) != 7


def test_bytes_are_hashed_as_the_text_that_they_are() -> None:
    assert bytes_key("ä".encode()) == string_key("ä")
