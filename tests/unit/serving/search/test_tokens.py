from pathlib import Path

import pytest

from serving.errors import ArtefactError
from serving.search.tokens import MOST_CHARACTERS, Tokenizing
from tests.fakes.encoders import LENGTHS, WORDS, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    write_tokenizer(path)
    return path


@pytest.fixture
def tokens(tokenizer: Path) -> Tokenizing:
    return Tokenizing(tokenizer, LENGTHS, "[UNK]")


def words(tokens: Tokenizing, *texts: str) -> list[list[str]]:
    found = tokens(texts)
    return [[WORDS[i] for i in ids[mask]] for ids, mask in zip(found.ids, found.mask, strict=True)]


def test_words_are_cut_into_the_parts_that_the_vocabulary_has(tokens: Tokenizing):
    assert words(tokens, "Dog food", "MILKSHAKE", "rèd") == [
        ["[CLS]", "dog", "food", "[SEP]"],
        ["[CLS]", "milk", "##shake", "[SEP]"],
        ["[CLS]", "red", "[SEP]"],
    ]


@pytest.mark.parametrize(("text", "width"), [("dog food", 4), ("red dog food", 8), ("a", 4)])
def test_a_request_is_as_wide_as_the_next_length(tokens: Tokenizing, text: str, width: int):
    found = tokens([text])
    assert found.ids.shape == found.mask.shape == (1, width)
    assert not found.ids[~found.mask].any()


def test_the_longest_text_decides_the_width_of_all(tokens: Tokenizing):
    found = tokens(["a", "a b a b"])
    assert found.mask.sum(axis=1).tolist() == [3, 6]
    assert found.ids.shape == (2, 8)


def test_a_long_text_ends_at_the_last_length_and_keeps_its_last_special_token(tokens: Tokenizing):
    assert words(tokens, "a b " * 50) == [["[CLS]", *"ababab", "[SEP]"]]


def test_characters_beyond_the_limit_are_not_looked_at(tokens: Tokenizing):
    assert words(tokens, " " * MOST_CHARACTERS + "dog") == [["[CLS]", "[SEP]"]]
    assert words(tokens, " " * (MOST_CHARACTERS - 3) + "dog") == [["[CLS]", "dog", "[SEP]"]]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("dog", True),
        ("zebra dog", True),
        ("zebra quagga dog", False),
        ("zebra", False),
        ("犬", False),
        ("", False),
        ("  ", False),
    ],
)
def test_a_text_is_known_if_half_of_its_words_are(tokens: Tokenizing, text: str, *, known: bool):
    assert tokens([text]).known.tolist() == [known]
    assert tokens(["dog", text, ""]).known.tolist() == [True, known, False]


def test_a_word_that_is_not_known_is_one_token(tokens: Tokenizing):
    assert words(tokens, "zebra dog") == [["[CLS]", "[UNK]", "dog", "[SEP]"]]


def test_no_texts_are_no_rows(tokens: Tokenizing):
    assert tokens([]).ids.shape == (0, LENGTHS[0])


def test_a_tokenizer_without_the_unknown_token_is_refused(tokenizer: Path):
    with pytest.raises(ArtefactError, match=r"has no token <unk>"):
        Tokenizing(tokenizer, LENGTHS, "<unk>")
