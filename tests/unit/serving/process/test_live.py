import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from serving.errors import ArtefactError
from serving.process.live import follow_link


class Watched:
    """A link, what was tried to open behind it and what was taken."""

    def __init__(self, folder: Path) -> None:
        self.link = folder / "current"
        self.first = folder / "first"
        self.tried: list[Path] = []
        self.taken: list[Path] = []

    async def take(self, folder: Path) -> None:
        self.tried.append(folder)
        if not (folder / "manifest.json").exists():
            raise ArtefactError(f"{folder} is not there yet")
        self.taken.append(folder)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path)
    watched.link.symlink_to("first")
    following = asyncio.create_task(
        follow_link("snapshot", watched.link, watched.first, watched.take, 0.001)
    )
    yield watched
    assert not following.done()
    following.cancel()


async def until(seen: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not seen():  # noqa: ASYNC110 - the watch tells nobody
            await asyncio.sleep(0.001)


def point(watched: Watched, name: str) -> None:
    watched.link.with_name("new").symlink_to(name)
    watched.link.with_name("new").replace(watched.link)


async def test_a_snapshot_whose_files_come_later_is_taken_then(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    point(watched, "second")
    await until(lambda: len(watched.tried) >= 3)
    assert watched.taken == []
    assert caplog.text.count("the one before serves on") == 1
    second = watched.link.with_name("second")
    second.mkdir()
    (second / "manifest.json").touch()
    await until(lambda: watched.taken)
    assert set(watched.tried) == {second}


async def test_a_link_that_leads_back_to_what_serves_is_left_alone(watched: Watched) -> None:
    point(watched, "second")
    await until(lambda: watched.tried)
    point(watched, "first")
    tried = len(watched.tried)
    watched.first.mkdir()
    point(watched, "third")
    await until(lambda: len(watched.tried) > tried)
    assert watched.first not in watched.tried


async def test_a_link_in_a_circle_does_not_end_the_watch(watched: Watched) -> None:
    point(watched, "current")
    await until(lambda: watched.tried)
    assert watched.taken == []
