"""A gateway that starts beside Tritons of another bundle waits for one that serves its own.

In a roll-out both come at the same time. Were the gateway ready first, or Triton not to come at all,
gateways that can score nothing would replace those that can.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from serving.bundle import Bundle
from serving.errors import Unavailable

PATIENCE_S = 60.0
EVERY_S = 0.5
ANSWER_S = 2.0  # who takes longer says nothing

log = logging.getLogger(__name__)


class Told(Protocol):
    async def lacks(self, model: str, timeout_s: float) -> bool: ...


async def find_models(
    models: Told, bundle: Bundle, stop: asyncio.Event, patience_s: float = PATIENCE_S
) -> None:
    """Returns unless Triton says that it has none of the bundle's members; without a word from it, at once.

    Raises:
        Unavailable: it says so for all of the time.
    """
    known = bundle.plan.triton_versions
    members = [bundle.plan.models[name].triton_model for name in bundle.policy.members]
    asked = [name for name in members if name in known]
    until, waits = time.monotonic() + patience_s, False
    while asked and await _all_lacked(models, asked):
        if not waits:
            log.warning(
                "Triton has none of %s of bundle %s yet", ", ".join(asked), bundle.bundle_id
            )
            waits = True
        if time.monotonic() > until:
            raise Unavailable(
                f"Triton serves another bundle than {bundle.bundle_id}: it has none of "
                f"{', '.join(asked)} in the versions of that one"
            )
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await stop.wait()
                return


async def _all_lacked(models: Told, names: Sequence[str]) -> bool:
    for name in names:
        if not await models.lacks(name, ANSWER_S):
            return False
    return True
