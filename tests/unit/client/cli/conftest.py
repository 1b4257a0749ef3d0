from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from recserve.client.cli.program import recserve

Run = Callable[..., Result]


@pytest.fixture
def run(endpoint: str) -> Run:
    """Runs `recserve` with these arguments against the gateway."""

    def invoke(*args: str, stdin: str | bytes | None = None, timeout: str = "30") -> Result:
        environment = {"RECSERVE_ENDPOINT": endpoint}
        return CliRunner().invoke(
            recserve, [*args, "--timeout", timeout], input=stdin, env=environment
        )

    return invoke
