"""A gateway that starts while Triton still serves another bundle, as in a roll-out."""

import asyncio
import os
import signal
from pathlib import Path

from tests.fakes.triton_server import TritonServer, listening
from tests.integration.gateway import tiny
from tests.integration.gateway.running import eventually, launched, recommend


async def test_it_serves_once_triton_has_its_bundles_models(
    settings: dict[str, str], tmp_path: Path
) -> None:
    bundle = tiny.write_bundle(tmp_path / "next", version="7")
    async with listening(TritonServer(ready=False)) as triton:
        told = {"BUNDLE": str(bundle), "TRITON_ENDPOINTS": triton.target, "WORKERS": "1"}
        with launched(settings | told, tmp_path) as gateway:
            await asyncio.to_thread(
                eventually,
                lambda: "has none of ranker" in gateway.said(),
                "it says what it waits for",
            )
            assert gateway.get("/readyz")[0] == 503
            triton.ready = True
            await asyncio.to_thread(gateway.wait_serving, 1)
            assert "Triton serves another bundle" not in gateway.said()


def test_a_worker_that_is_replaced_opens_the_bundle_of_the_others(
    settings: dict[str, str], tmp_path: Path
) -> None:
    first = Path(settings["BUNDLE"])
    link = tiny.point(tmp_path / "current", first)
    with launched(settings | {"BUNDLE": str(link), "WORKERS": "1"}, tmp_path) as gateway:
        gateway.wait_serving(1)
        serving = recommend(gateway).answer.bundle_id
        tiny.point(link, tiny.write_bundle(tmp_path / "next", version="7"))
        (worker,) = gateway.workers()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: gateway.workers() not in ([], [worker]), "another worker starts")
        gateway.wait_serving(1)
        assert recommend(gateway).answer.bundle_id == serving
