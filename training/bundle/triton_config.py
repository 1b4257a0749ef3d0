"""Triton's config.pbtxt, for the embedded server's backend as for NVIDIA's of the same name."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TRITON_TYPES = {"int64": "TYPE_INT64", "float32": "TYPE_FP32", "bool": "TYPE_BOOL"}
GRAPH = "model.onnx"  # of a version
FREE = -1  # a dimension that may differ between calls
QUEUE_DELAY_US = 500  # what a request may wait for others to join it
QUEUE_SIZE = 256
LONGEST_WAIT_US = 10_000_000  # a request's own timeout is shorter
THREADS = 1  # of an instance: quicker than two on small tensors


@dataclass(frozen=True, slots=True)
class TensorForm:
    """One tensor; its dimensions leave dimension 0, the request, out."""

    name: str
    dtype: str
    dims: tuple[int, ...]

    def wide(self, size: int) -> "TensorForm":
        """With `size` wherever the dimension is free."""
        dims = tuple(size if d == FREE else d for d in self.dims)
        return TensorForm(self.name, self.dtype, dims)


def version_of(graph: bytes) -> str:
    """The folder of a graph, which Triton takes for its version: 60 bits of its SHA-256.

    Models of two bundles have the same names. Who asks for this version is never answered by another graph.
    """
    return str(int(hashlib.sha256(graph).hexdigest()[:15], 16))


def config_text(
    name: str,
    max_batch: int,
    inputs: Sequence[TensorForm],
    outputs: Sequence[TensorForm],
    warm_up: Mapping[str, int],
) -> str:
    """The file's text.

    `warm_up` names sizes of the inputs' free dimensions: each is run before the model is ready, so a graph
    that can't is never served.
    """
    return f"""name: "{name}"
backend: "onnxruntime"
max_batch_size: {max_batch}
input [
{_listed(map(_tensor, inputs))}
]
output [
{_listed(map(_tensor, outputs))}
]
dynamic_batching {{
  max_queue_delay_microseconds: {QUEUE_DELAY_US}
  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: {LONGEST_WAIT_US}
    allow_timeout_override: true
    max_queue_size: {QUEUE_SIZE}
  }}
}}
instance_group [ {{ count: 1, kind: KIND_CPU }} ]
parameters {{ key: "intra_op_thread_count" value {{ string_value: "{THREADS}" }} }}
parameters {{ key: "inter_op_thread_count" value {{ string_value: "{THREADS}" }} }}
{"".join(_warm_up(label, [i.wide(size) for i in inputs]) for label, size in warm_up.items())}"""


def _tensor(of: TensorForm) -> str:
    return f'  {{ name: "{of.name}", data_type: {TRITON_TYPES[of.dtype]}, dims: {list(of.dims)} }}'


def _listed(tensors: Iterable[str]) -> str:
    return ",\n".join(tensors)


def _warm_up(label: str, inputs: Sequence[TensorForm]) -> str:
    tensors = "\n".join(
        f'  inputs {{ key: "{i.name}" value {{ data_type: {TRITON_TYPES[i.dtype]}, '
        f"dims: {list(i.dims)}, zero_data: true }} }}"
        for i in inputs
    )
    return f'model_warmup {{\n  name: "{label}"\n  batch_size: 1\n{tensors}\n}}\n'
