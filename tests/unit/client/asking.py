"""One way to ask through either client."""

import asyncio
from collections.abc import Callable
from typing import Any

from recserve.client import AsyncClient, Client

KINDS = (Client, AsyncClient)
PATIENT_S = 30.0  # a busy machine is not what most tests are about


async def asked(kind: type[Any], endpoint: str, ask: Callable[[Any], Any], **options: Any) -> Any:
    """What `ask` gets from a client of that kind."""
    options = {"timeout_s": PATIENT_S} | options
    if kind is Client:
        with Client(endpoint, **options) as client:
            return await asyncio.to_thread(ask, client)
    async with AsyncClient(endpoint, **options) as client:
        return await ask(client)
