"""The catalogue changes under a running gateway: items as they are announced, index and vectors as files."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable

import grpc
import polars as pl
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1.search_service_pb2_grpc import SearchServiceStub

from serving.clock import read_clock
from serving.local.bundles import clock_file
from tests.acceptance.features.feast_writer import feast_writer
from tests.acceptance.made import PYTHON, Made
from tests.e2e.asking import SECONDS
from tests.e2e.patience import eventually
from tests.e2e.system import ROOT

Note = Callable[[str], None]
NEW = "987654321"
TRIES = 24  # calls, so that every worker is asked


def describe(made: Made, item_id: str, title: str, *texts: str) -> None:
    line = json.dumps({"item_id": int(item_id), "title": title, "texts": texts})
    command = [PYTHON, "-m", "training.item_texts", "--state", made.state]
    subprocess.run(command, cwd=ROOT, input=line, text=True, check=True, capture_output=True)


def everywhere(made: Made, query: str, item_id: str) -> bool | None:
    """Whether each of many calls, over connections of their own, finds the item by its words."""
    for _ in range(TRIES):
        with grpc.insecure_channel(made.system.gateway) as channel:
            request = search_pb.SearchRequest(query=query, page_size=100)
            page = SearchServiceStub(channel).Search(request, timeout=SECONDS)
        held = [i.item_id for i in page.items if pb.CANDIDATE_SOURCE_LEXICAL in i.sources]
        if item_id not in held:
            return None
    return True


def test_point_2a_a_changed_title_is_found_in_seconds_and_the_old_one_no_more(
    generated_shop: Made,
    search: SearchServiceStub,
    catalogue: pl.DataFrame,
    measured: Note,
) -> None:
    item_id, before = (
        catalogue.filter(pl.col("category") == "Soup").select("item_id", "title").row(0)
    )
    began = time.monotonic()
    describe(generated_shop, item_id, "Zanzibar Gazpacho", "Soup")
    eventually(lambda: everywhere(generated_shop, "zanzibar", str(item_id)), "the new title")
    seconds = time.monotonic() - began
    old = before.split(",")[0].rsplit(" ", 2)[-2]  # a word that the new title lacks
    page = search.Search(search_pb.SearchRequest(query=before, page_size=100), timeout=SECONDS)
    held = [i.item_id for i in page.items if pb.CANDIDATE_SOURCE_LEXICAL in i.sources]
    describe(generated_shop, item_id, before, "Soup")
    eventually(lambda: everywhere(generated_shop, before, str(item_id)), "the old title again")
    measured(f"{seconds:.1f} s from the command to every worker; {old} no longer finds it")
    assert str(item_id) not in held or page.match != search_pb.QUERY_MATCH_ALL


def test_point_2b_an_item_that_no_index_has_is_found_once_it_is_announced(
    generated_shop: Made, measured: Note
) -> None:
    """Its features come through Feast, as a shop's pipeline would push them."""
    clock = read_clock(clock_file(generated_shop.state / "run"))
    profile = {"item_id": int(NEW), "department": "Pantry", "category": "Soup", "brand": "Juno"}
    with feast_writer(generated_shop) as feast:
        feast.write("item_profile", [profile | {"size": "1 l", "price": 2.5}], clock.now_s())
        feast.returned()
    began = time.monotonic()
    describe(generated_shop, NEW, "Quandong Broth", "Pantry", "Soup", "Juno")
    eventually(lambda: everywhere(generated_shop, "quandong broth", NEW), "the new item")
    measured(f"{time.monotonic() - began:.1f} s from its texts to every worker")
    only = search_pb.SearchRequest(
        query="quandong", filters=[pb.Filter(field="brand", any_of=["Juno"])]
    )
    with grpc.insecure_channel(generated_shop.system.gateway) as channel:
        found = SearchServiceStub(channel).Search(only, timeout=SECONDS)
    assert [item.item_id for item in found.items][:1] == [NEW]


def test_point_2c_index_and_vectors_are_swapped_while_every_search_is_answered(
    generated_shop: Made, search: SearchServiceStub, measured: Note
) -> None:
    state, stop = generated_shop.state, threading.Event()
    answered, failed = [0], list[str]()

    def ask() -> None:
        while not stop.is_set():
            try:
                page = search.Search(search_pb.SearchRequest(query="soup"), timeout=SECONDS)
                answered[0] += bool(page.items)
            except grpc.RpcError as error:
                failed.append(str(error))

    before = {name: (state / name / "current").resolve().name for name in ("search", "vectors")}
    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    synonyms = state / "dataset/synonyms.txt"
    try:
        synonyms.write_text("chowder => soup\n")
        run(generated_shop, "training.search.index")
        run(generated_shop, "training.search.embed", RECSERVE_TRAINING_SEARCH_GRAPH="true")
        log = state / "run/gateway.log"
        versions = {
            name: (state / name / "current").resolve().name for name in ("search", "vectors")
        }
        for name, version in versions.items():
            eventually(lambda v=version: f"{v} serves" in log.read_text() or None, name)
    finally:
        stop.set()
        for caller in callers:
            caller.join()
        synonyms.unlink()
        run(generated_shop, "training.search.index")
        run(generated_shop, "training.search.embed")
    assert all(versions[name] != before[name] for name in before)
    assert not failed
    assert answered[0] > 0
    measured(f"{answered[0]} searches while {versions} came, none failed")


def run(made: Made, module: str, **environment: str) -> None:
    command = [PYTHON, "-m", module, "--state", made.state]
    subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True
    )
