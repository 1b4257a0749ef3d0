"""Every rule goes red when what it guards against is planted in the rendered base."""

import copy
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.meta.k8s import rules_config, rules_objects, rules_pods
from tests.meta.k8s.cron import CronError, shortest_period_s
from tests.meta.k8s.facts import (
    EVENT_ENTRIES,
    GIVEN,
    LOG_ENTRIES,
    LOOK_UP_S,
    MEMBERS,
    health_services,
    setting_names,
)
from tests.meta.k8s.manifests import Objects, quantity
from tests.meta.k8s.rendering import K8S, render_any
from tests.meta.k8s.test_overlays import RULES

PLANTED = yaml.safe_load(Path(__file__).with_name("mutations.yaml").read_text())
MUTATIONS = [(rule, mutation) for rule, listed in PLANTED.items() for mutation in listed]
NAMED: dict[str, Callable[[Objects], list[str]]] = {rule.__name__: rule for rule in RULES} | {
    "kinds_are_built_in": rules_objects.kinds_are_built_in,
    "growing_overlays_name_their_bundle": rules_config.growing_overlays_name_their_bundle,
    "references_resolve": partial(rules_objects.references_resolve, given=GIVEN),
    "probes_reach_what_is_served": partial(
        rules_pods.probes_reach_what_is_served, services=health_services()
    ),
    "triton_outlives_the_look_ups": partial(
        rules_pods.triton_outlives_the_look_ups, look_up_s=LOOK_UP_S
    ),
    "redis_has_room": partial(
        rules_objects.redis_has_room, log_entries=LOG_ENTRIES, event_entries=EVENT_ENTRIES
    ),
    "every_member_has_its_pod": partial(rules_objects.every_member_has_its_pod, default=MEMBERS),
    "variables_are_settings": partial(
        rules_objects.variables_are_settings, settings=setting_names()
    ),
}


KINDS = {"with": "components", "overlay": "overlays"}  # of a mutation, and where they lie


def planted(objects: Objects, mutation: dict[str, Any]) -> Objects:
    """A copy with the field set, or removed where the mutation gives no value; `also` is another one."""
    changed = copy.deepcopy(planted(objects, mutation["also"]) if "also" in mutation else objects)
    if "added" in mutation:
        return [*changed, mutation["added"]]
    kind, _, start = mutation["in"].partition("/")
    at: Any = next(
        o for o in changed if o["kind"] == kind and o["metadata"]["name"].startswith(start)
    )
    *steps, last = [int(s) if s.isdecimal() else s for s in mutation["at"].split(" ")]
    for step in steps:
        at = at[step]
    if "value" in mutation:
        at[last] = mutation["value"]
    else:
        del at[last]
    return changed


@pytest.fixture
def objects(mutation: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """The base, with the component that the mutation names, or the overlay."""
    named = [f"{kind}/{mutation[key]}" for key, kind in KINDS.items() if key in mutation]
    return _rendered(named[0] if named else "base", tmp_path_factory.getbasetemp())


@cache
def _rendered(folder: str, scratch: Path) -> Objects:
    return render_any(K8S / folder, scratch)


@pytest.mark.parametrize(
    ("rule", "mutation"), MUTATIONS, ids=[f"{r}-{m.get('in')}-{m.get('at')}" for r, m in MUTATIONS]
)
def test_rule_goes_red(objects: Objects, rule: str, mutation: dict[str, Any]) -> None:
    assert NAMED[rule](objects) == []
    assert NAMED[rule](planted(objects, mutation)) != []


def test_a_gateway_that_is_told_no_drain_takes_the_programs_own(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    base = _rendered("base", tmp_path_factory.getbasetemp())
    told = planted(base, {"in": "ConfigMap/gateway", "at": "data RECSERVE_GATEWAY_DRAIN_S"})
    hook = "spec template spec containers 0 lifecycle preStop sleep seconds"
    late = planted(told, {"in": "Deployment/gateway", "at": hook, "value": 16})
    assert rules_pods.there_is_time_to_end(told) == []
    assert rules_pods.there_is_time_to_end(late) != []


def test_every_rule_has_a_mutation() -> None:
    assert set(PLANTED) == set(NAMED)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("30 1 * * *", 86_400),
        ("*/15 * * * *", 900),
        ("0 4 * * 0", 7 * 86_400),
        ("0 0,6 * * *", 6 * 3600),
        ("0 0 1 * *", 28 * 86_400),
        ("59 23 1,2 * *", 86_400),
        ("0 5 13 * 5", 86_400),  # the thirteenth, or a Friday
    ],
)
def test_the_shortest_period_is_found(expression: str, seconds: int) -> None:
    assert shortest_period_s(expression) == seconds


@pytest.mark.parametrize(
    "expression",
    [
        "61 * * * *",
        "0 24 * * *",
        "* * * *",
        "0 0 31 2 *",
        "a * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
    ],
)
def test_a_wrong_expression_is_refused(expression: str) -> None:
    with pytest.raises(CronError):
        shortest_period_s(expression)


def test_quantities_are_compared_as_numbers() -> None:
    assert quantity("1500m") == 1.5
    assert quantity("2Gi") > quantity("2G") > quantity("2000Mi") * 0.95
    assert quantity(2) == 2
