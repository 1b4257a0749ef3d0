"""Searches as a gateway's worker does, less the thread: `python -m tests.load.search.searcher SPEC`.

One JSON line in, one JSON line out.
"""

import gc
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from serving.search.index import open_index
from serving.search.lexical import Lexical
from serving.search.reading import Read
from serving.search.spelling import Spelling


class Searcher:
    """One index."""

    def __init__(self, spec: dict[str, Any]) -> None:
        index = open_index(Path(spec["index"]))
        self._spelling = Spelling(index.vocabulary)
        self._search = Lexical(index, Read(index.analysis, self._spelling, index.synonyms))
        self._texts: dict[str, list[str]] = json.loads(Path(spec["queries"]).read_text())
        self._count = spec["count"]

    def seconds(self, wanted: dict[str, Any]) -> list[float]:
        self._spelling.meanings.cache_clear()  # of what is guessed nothing is remembered
        found = []
        for text in self._texts[wanted["queries"]]:
            began = time.perf_counter()
            self._search(text, self._count)
            found.append(time.perf_counter() - began)
        return found

    def whole(self, wanted: dict[str, Any]) -> float:
        """Of all queries, from several threads at once."""
        began = time.perf_counter()
        with ThreadPoolExecutor(wanted["threads"]) as pool:
            list(pool.map(lambda text: self._search(text, self._count), self._texts["plain"]))
        return time.perf_counter() - began

    def found(self) -> list[list[int]]:
        return [sorted(self._search(t, self._count).keys.tolist()) for t in self._texts["plain"]]


def main() -> None:
    searcher = Searcher(json.loads(Path(sys.argv[1]).read_text()))
    gc.freeze()
    for line in sys.stdin:
        wanted, answer = json.loads(line), {}
        match wanted["do"]:
            case "search":
                answer["seconds"] = searcher.seconds(wanted)
            case "rate":
                answer["whole"] = searcher.whole(wanted)
            case "found":
                answer["found"] = searcher.found()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
