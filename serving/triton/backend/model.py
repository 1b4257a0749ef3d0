"""The backend `onnxruntime` of the embedded Triton: runs `model.onnx` with the onnxruntime package.

Triton's Python stub imports this file in the environment of the embedded server, never in ours. It
takes the requests that the dynamic batcher hands over, joins them along dimension 0, runs the graph
once and splits the outputs again, as the C++ backend of the same name does on NVIDIA's image.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort

Tensors = Mapping[str, NDArray[np.generic]]

# onnxruntime's errors share no base but Exception.
RUN_ERRORS = (
    ort.EPFail,
    ort.Fail,
    ort.InvalidArgument,
    ort.NotImplemented,
    ort.RuntimeException,
    ValueError,  # arrays of different shapes don't concatenate; outputs that lost rows
)


class TritonPythonModel:
    """One instance of one model version; the name is the one that Triton looks for."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Opens the graph and compares it with config.pbtxt.

        Raises:
            pb_utils.TritonModelException: the reason, which Triton logs as the model's.
        """
        config = json.loads(args["model_config"])
        refuse_numpy_2()
        file = config.get("default_model_filename") or "model.onnx"
        path = Path(args["model_repository"]) / args["model_version"] / file
        if not path.is_file():
            raise pb_utils.TritonModelException(f"{path} is missing")
        self._session = onnxruntime.InferenceSession(
            str(path), session_options(config.get("parameters", {})), ["CPUExecutionProvider"]
        )
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        compare("input", self._inputs, [tensor.name for tensor in self._session.get_inputs()])
        compare("output", self._outputs, [tensor.name for tensor in self._session.get_outputs()])

    def execute(self, requests: Sequence[object]) -> list[object]:
        """Answers every request; if the joined run fails, each alone, so only the guilty fail."""
        feeds = [self._feed(request) for request in requests]
        try:
            return self._run(requests, feeds)
        except RUN_ERRORS as error:
            if len(requests) == 1:
                return [failure(error)]
        return [self._alone(request, feed) for request, feed in zip(requests, feeds, strict=True)]

    def _alone(self, request: object, feed: Tensors) -> object:
        try:
            return self._run([request], [feed])[0]
        except RUN_ERRORS as error:
            return failure(error)

    def _feed(self, request: object) -> Tensors:
        return {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self._inputs
        }

    def _run(self, requests: Sequence[object], feeds: Sequence[Tensors]) -> list[object]:
        rows = [next(iter(feed.values())).shape[0] for feed in feeds]
        wanted = {name for request in requests for name in request.requested_output_names()}  # type: ignore[attr-defined]
        names = [name for name in self._outputs if name in wanted]
        outputs = dict(zip(names, self._session.run(names, joined(feeds)), strict=True))
        for name, output in outputs.items():
            if output.shape[0] != sum(rows):
                raise ValueError(f"{name} has {output.shape[0]} rows for {sum(rows)} of the input")
        ends = np.cumsum(rows)
        return [
            pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, outputs[name][end - count : end])
                    for name in names
                    if name in set(request.requested_output_names())  # type: ignore[attr-defined]
                ]
            )
            for request, end, count in zip(requests, ends, rows, strict=True)
        ]


def joined(feeds: Sequence[Tensors]) -> Tensors:
    """The requests' inputs, one below the other."""
    if len(feeds) == 1:
        return feeds[0]
    return {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}


def session_options(parameters: Mapping[str, Mapping[str, str]]) -> onnxruntime.SessionOptions:
    """Reads the parameters of config.pbtxt under the names that the C++ backend gives them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count_of(parameters, "intra_op_thread_count")
    options.inter_op_num_threads = count_of(parameters, "inter_op_thread_count")
    # The cores are shared with the gateway: a waiting thread sleeps.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def count_of(parameters: Mapping[str, Mapping[str, str]], name: str) -> int:
    """A number of threads; 0, the default, leaves the choice to onnxruntime."""
    text = parameters.get(name, {}).get("string_value", "0")
    if not text.isdecimal():
        raise pb_utils.TritonModelException(f"parameter {name} is {text!r}; give a number from 0")
    return int(text)


def compare(kind: str, configured: Sequence[str], exported: Sequence[str]) -> None:
    """Refuses a config.pbtxt whose tensors aren't the graph's."""
    missing, unknown = set(exported) - set(configured), set(configured) - set(exported)
    if unknown or (missing and kind == "input"):
        raise pb_utils.TritonModelException(
            f"config.pbtxt and model.onnx differ in their {kind}s: "
            f"only in config.pbtxt {sorted(unknown)}, only in model.onnx {sorted(missing)}"
        )


def refuse_numpy_2() -> None:
    """With numpy 2 this server's stub would send every output with zero bytes, and no error."""
    if int(np.__version__.split(".")[0]) >= 2:
        raise pb_utils.TritonModelException(
            f"numpy {np.__version__} is in the server's environment, which needs numpy below 2"
        )


def failure(error: Exception) -> object:
    return pb_utils.InferenceResponse([], pb_utils.TritonError(str(error)))
