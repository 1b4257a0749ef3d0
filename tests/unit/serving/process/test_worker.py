import asyncio

import pytest

from serving.errors import Unavailable
from serving.process.worker import beside


async def test_what_keeps_a_worker_from_going_on_is_raised_as_it_is() -> None:
    async def job() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Unavailable, match="another bundle"):
        async with beside(job()), beside(job()):
            raise Unavailable("another bundle")
