"""Asks a Triton many things at once, so that its dynamic batcher has something to join."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from serving.errors import Failed, Unavailable
from training.bundle.agreement import Tensors

TIMEOUT_S = 60.0
AT_ONCE = 16
UNREACHABLE = ("StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: dimension 0 of every tensor is its batch."""

    model: str
    tensors: Tensors
    outputs: tuple[str, ...]
    version: str = ""  # whichever there is


def ask(endpoint: str, calls: Sequence[Call]) -> list[Tensors]:
    """The answers in the order of the calls, which are under way at the same time.

    Raises:
        Unavailable: nothing answers at `endpoint`.
        Failed: the server refused a request; with its reason.
    """
    with triton.InferenceServerClient(endpoint) as client, ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda call: _answer(client, endpoint, call), calls))


def _answer(client: triton.InferenceServerClient, endpoint: str, call: Call) -> Tensors:
    outputs = [triton.InferRequestedOutput(name) for name in call.outputs]
    try:
        result = client.infer(
            call.model,
            _inputs(call.tensors),
            model_version=call.version,
            outputs=outputs,
            client_timeout=TIMEOUT_S,
        )
    except InferenceServerException as error:
        if error.status() in UNREACHABLE:
            raise Unavailable(
                f"no Triton answers at {endpoint} ({error.message()}); check that it runs, and where"
            ) from error
        raise Failed(f"Triton at {endpoint} refused {call.model}: {error.message()}") from error
    return {name: result.as_numpy(name) for name in call.outputs}


def _inputs(tensors: Tensors) -> list[triton.InferInput]:
    found: list[triton.InferInput] = []
    for name, values in tensors.items():
        tensor = triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(np.ascontiguousarray(values))
        found.append(tensor)
    return found
