import json
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from rich.console import Console
from tokenizers import Tokenizer
from tritonclient.grpc import model_config_pb2

from serving.search.encode import IDS, MASK, VECTOR
from tests.fakes.encoders import SIZES, write_package
from training.bundle.agreement import distance, lines
from training.bundle.graph import HIGHEST_IR
from training.bundle.parity import TOLERANCE, graph_of, run, session
from training.errors import EncoderError
from training.search.encoder import LENGTHS, graph_bytes, make, write_model, write_tokenizer
from training.search.encoder_parity import answer, requests
from training.search.minilm import SentenceEncoder, load

NAME = "text_encoder_0123"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    write_package(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(package: Path) -> SentenceEncoder:
    return load(package)


@pytest.fixture(scope="module")
def repository(encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_model(folder, NAME, graph_bytes(encoder), encoder)
    return folder


def test_the_graph_gives_the_frameworks_vectors_at_any_size(
    encoder: SentenceEncoder, repository: Path
):
    graph = session(graph_of(repository, NAME))
    fitting = [r for r in requests(encoder) if r[IDS].shape[1] <= SIZES["max_position_embeddings"]]
    assert len(fitting) == 3
    for raw in fitting:
        assert distance(answer(encoder, raw), run(graph, raw)) <= TOLERANCE
        for line in lines(raw):
            assert distance(answer(encoder, line), run(graph, line)) <= TOLERANCE


def test_the_same_weights_have_the_same_graph_and_others_another(
    encoder: SentenceEncoder, tmp_path: Path
):
    assert graph_bytes(encoder) == graph_bytes(encoder)
    write_package(tmp_path, seed=1)
    assert graph_bytes(load(tmp_path)) != graph_bytes(encoder)


def test_other_weights_are_no_parity(repository: Path, tmp_path: Path):
    write_package(tmp_path, seed=1)
    raw = next(requests(load(tmp_path)))
    found = run(session(graph_of(repository, NAME)), raw)
    assert distance(answer(load(tmp_path), raw), found) > TOLERANCE


def test_graph_and_configuration_agree_and_keep_to_the_contract(repository: Path):
    graph = onnx.load(graph_of(repository, NAME))
    assert graph.ir_version <= HIGHEST_IR
    assert all(o.version <= 20 for o in graph.opset_import)
    config = text_format.Parse(
        (repository / NAME / "config.pbtxt").read_text(), model_config_pb2.ModelConfig()
    )
    assert config.backend == "onnxruntime"
    kinds = {i.name: model_config_pb2.DataType.Name(i.data_type) for i in config.input}
    assert kinds == {IDS: "TYPE_INT64", MASK: "TYPE_BOOL"}
    assert [(o.name, list(o.dims)) for o in config.output] == [(VECTOR, [SIZES["hidden_size"]])]
    assert {v.name for v in graph.graph.input} == {IDS, MASK}
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in [*graph.graph.input, *graph.graph.output]
    }
    assert shapes == {IDS: ["B", "L"], MASK: ["B", "L"], VECTOR: ["B", SIZES["hidden_size"]]}
    warmed = {next(iter(w.inputs[IDS].dims)) for w in config.model_warmup}
    assert warmed == set(LENGTHS)


def test_the_tokenizer_is_kept_without_padding_and_truncation_of_its_own(
    package: Path, tmp_path: Path
):
    write_tokenizer(package / "tokenizer.json", tmp_path / "tokenizer.json")
    kept = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert kept.encode("dog food").tokens == ["[CLS]", "dog", "food", "[SEP]"]
    assert len(kept.encode("a " * 300).ids) == 302
    padded = json.loads((package / "tokenizer.json").read_text())
    assert padded["padding"]
    assert padded["truncation"]


def test_a_folder_without_an_encoder_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(EncoderError, match=r"holds no encoder; run `make env`"):
        make(tmp_path / "nothing", tmp_path / "state", Console(file=StringIO()))
    assert not (tmp_path / "state").exists()


def test_the_random_requests_have_full_and_cut_texts(encoder: SentenceEncoder):
    drawn = list(requests(encoder))
    assert all(raw[MASK][0].all() for raw in drawn)
    assert not all(raw[MASK].all() for raw in drawn)
    assert all(np.array_equal(raw[IDS] != 0, raw[MASK]) for raw in drawn)
