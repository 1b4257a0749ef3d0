"""A Triton that somebody else runs: does it answer, and does it have the models?"""

from collections.abc import Sequence

import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from serving.errors import Unavailable

TIMEOUT_S = 5


def require_models(endpoint: str, models: Sequence[str]) -> None:
    """Returns if the server at `host:port` answers and every one of `models` is ready.

    Raises:
        Unavailable: it doesn't, or models are missing; with what to do.
    """
    try:
        with triton.InferenceServerClient(endpoint) as client:
            missing = [m for m in models if not client.is_model_ready(m, client_timeout=TIMEOUT_S)]
    except InferenceServerException as error:
        raise Unavailable(
            f"No Triton answers gRPC at {endpoint} ({error.message()}); correct TRITON_URL, or leave "
            "it out and an embedded one is started"
        ) from error
    if missing:
        raise Unavailable(
            f"The Triton at {endpoint} (TRITON_URL) lacks the model(s) {', '.join(missing)}; load them "
            "there from the folders models/ of bundles/current and encoders/current, or leave TRITON_URL out"
        )
