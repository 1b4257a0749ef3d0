"""The engine under lexical search by itself: the same index, the same words, made into queries of its own.

Stands alone. `python tantivy_alone.py SPEC`, then one JSON line in, one JSON line out.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tantivy import Index, Occur, Query


class Engine:
    """Every word of a query has to be in an item; a title counts twice."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._index = Index.open(spec["engine"])
        self._searcher = self._index.searcher()
        self._terms = json.loads(Path(spec["terms"]).read_text())
        self._count = spec["count"]

    def seconds(self) -> list[float]:
        found = []
        for terms in self._terms:
            began = time.perf_counter()
            self._search(terms)
            found.append(time.perf_counter() - began)
        return found

    def whole(self, threads: int) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self._search, self._terms))
        return time.perf_counter() - began

    def found(self) -> list[list[int]]:
        return [sorted(self._search(terms)) for terms in self._terms]

    def _search(self, terms: list[str]) -> list[Any]:
        schema = self._index.schema
        words = [
            Query.disjunction_max_query(
                [
                    Query.boost_query(Query.term_query(schema, "title", term, "freq"), 2.0),
                    Query.term_query(schema, "text", term, "freq"),
                ]
            )
            for term in terms
        ]
        query = Query.boolean_query([(Occur.Must, word) for word in words])
        hits = self._searcher.search(query, self._count).hits
        return self._searcher.fast_field_values("key", [address for _, address in hits])


def main() -> None:
    engine = Engine(json.loads(Path(sys.argv[1]).read_text()))
    for line in sys.stdin:
        wanted, answer = json.loads(line), {}
        if wanted["do"] == "search":
            answer["seconds"] = engine.seconds()
        if wanted["do"] == "rate":
            answer["whole"] = engine.whole(wanted["threads"])
        if wanted["do"] == "found":
            answer["found"] = engine.found()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
