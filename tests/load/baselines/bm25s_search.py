"""Lexical search by bm25s: an item that has any of the words, by BM25; no filters, no counts, no changes.

Stands alone. `python bm25s_search.py SPEC`, then one JSON line in, one JSON line out.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bm25s


class Searched:
    """Texts of words with a blank between, one an item."""

    def __init__(self, spec: dict[str, Any]) -> None:
        began = time.perf_counter()
        texts = Path(spec["texts"]).read_text().splitlines()
        self._search = bm25s.BM25()
        self._search.index([text.split() for text in texts], show_progress=False)
        self.indexing_s = time.perf_counter() - began
        self._terms = json.loads(Path(spec["terms"]).read_text())
        self._count = min(spec["count"], len(texts))

    def seconds(self) -> list[float]:
        found = []
        for terms in self._terms:
            began = time.perf_counter()
            self._one(terms)
            found.append(time.perf_counter() - began)
        return found

    def whole(self, threads: int) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self._one, self._terms))
        return time.perf_counter() - began

    def _one(self, terms: list[str]) -> Any:
        return self._search.retrieve([terms], k=self._count, show_progress=False)


def main() -> None:
    searched = Searched(json.loads(Path(sys.argv[1]).read_text()))
    for line in sys.stdin:
        wanted, answer = json.loads(line), {}
        if wanted["do"] == "search":
            answer["seconds"] = searched.seconds()
        if wanted["do"] == "rate":
            answer["whole"] = searched.whole(wanted["threads"])
        if wanted["do"] == "indexed":
            answer["indexing_s"] = searched.indexing_s
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
