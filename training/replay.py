"""Smoke test of a deploy: `python -m training.replay --bundle DIR --triton HOST:PORT`.

Sends the bundle's golden requests to a running Triton and compares its answers with the framework's.
Needs neither the framework nor the prepared data.
"""

import argparse
import sys
from pathlib import Path

from serving.bundle import Bundle, open_bundle
from serving.errors import RecserveError
from training.bundle.agreement import distance, lines
from training.bundle.golden_files import read_golden
from training.bundle.triton_calls import Call, ask
from training.errors import GateRefused, TrainingError

# Wider than parity's: a deployed Triton may bring another ONNX Runtime, on another processor.
TOLERANCE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.replay")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--triton", required=True, metavar="HOST:PORT", help="its gRPC endpoint")
    given = parser.parse_args()
    try:
        bundle = open_bundle(given.bundle)
        found = replay(bundle, given.triton)
    except (TrainingError, RecserveError) as error:
        print(f"replay: {error}", file=sys.stderr)  # noqa: T201  # a command's answer
        return 1
    for model, apart in found.items():
        print(f"{model}: differs by {apart:.1e} at most")  # noqa: T201
    return 0


def replay(bundle: Bundle, endpoint: str) -> dict[str, float]:
    """By model, how far Triton's answers are from the golden ones, together and one by one.

    Raises:
        GateRefused: further than the tolerance.
        OutsideError: Triton can't be reached or refused a request.
    """
    found = {name: _of(bundle, name, endpoint) for name in bundle.plan.models}
    bad = [f"{name} by {apart:.1e}" for name, apart in found.items() if apart > TOLERANCE]
    if bad:
        raise GateRefused(
            f"the Triton at {endpoint} answers otherwise than bundle {bundle.bundle_id} says: "
            f"{', '.join(bad)}, where {TOLERANCE:.0e} is allowed; it may serve another bundle"
        )
    return found


def _of(bundle: Bundle, name: str, endpoint: str) -> float:
    plan = bundle.plan.models[name]
    golden = read_golden(bundle.folder, name)
    outputs = tuple(output for output, _ in plan.outputs)
    asked = [golden.inputs, *lines(golden.inputs)]
    expected = [golden.outputs, *lines(golden.outputs)]
    model, version = plan.triton_model, plan.triton_version
    answers = ask(endpoint, [Call(model, raw, outputs, version) for raw in asked])
    return max(distance(a, b) for a, b in zip(expected, answers, strict=True))


if __name__ == "__main__":
    sys.exit(main())
