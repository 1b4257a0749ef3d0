"""A gateway that starts while Triton still serves another bundle, as in a roll-out."""

import asyncio
from pathlib import Path

from tests.fakes.triton_server import TritonServer, listening
from tests.integration.gateway import tiny
from tests.integration.gateway.running import eventually, launched


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
