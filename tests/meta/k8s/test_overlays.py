"""Every overlay, and the base with each component, is what a cluster would take."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest

from tests.meta.k8s import (
    rules_canary,
    rules_config,
    rules_custom,
    rules_edges,
    rules_jobs,
    rules_network,
    rules_objects,
    rules_placing,
    rules_pods,
    rules_servers,
    rules_storage,
)
from tests.meta.k8s.facts import (
    EVENT_ENTRIES,
    GIVEN,
    LOG_ENTRIES,
    LOOK_UP_S,
    MEMBERS,
    health_services,
    setting_names,
)
from tests.meta.k8s.manifests import Object, Objects, name, quantity
from tests.meta.k8s.rendering import K8S, folders, render_any

OLDEST, NEWEST = "1.30", "1.37"
NODE_CPU, NODE_MEMORY = "3", "6Gi"  # of 4 cores and 8 GiB, what a cluster's own pods leave
MINORS = (OLDEST, "1.34", NEWEST)
RULES: tuple[Callable[[Objects], list[str]], ...] = (
    rules_pods.selectors_match_their_pods,
    rules_pods.requests_are_within_limits,
    rules_pods.empty_dirs_have_a_size_limit,
    rules_pods.images_are_pinned,
    rules_pods.pods_follow_the_restricted_profile,
    rules_pods.servers_have_probes,
    rules_pods.there_is_time_to_end,
    rules_pods.commands_exist,
    rules_pods.workers_have_a_core_each,
    rules_placing.replicas_are_spread,
    rules_placing.autoscaled_pods_may_share_a_node,
    rules_placing.gpus_are_sought_where_they_are,
    rules_pods.training_threads_are_the_limit,
    rules_network.services_reach_a_port,
    rules_network.everything_is_denied_by_default,
    rules_network.edges_are_open_at_both_ends,
    rules_network.policies_apply_to_pods,
    rules_network.the_registry_can_be_reached,
    rules_edges.servers_that_are_named_can_be_reached,
    rules_edges.others_reach_what_is_for_them,
    rules_edges.pods_send_nowhere_else,
    rules_edges.every_pod_can_ask_dns,
    rules_servers.programs_listen_at_their_ports,
    rules_servers.stateful_sets_name_their_pods,
    rules_servers.servers_end_after_the_lists_of_their_services,
    rules_servers.roll_outs_take_no_more_than_budgets,
    rules_servers.what_people_decide_waits_for_them,
    rules_storage.claims_are_mounted_where_they_may_be,
    rules_storage.volumes_belong_to_a_group_of_their_pods,
    rules_storage.what_is_written_is_mounted,
    rules_storage.files_that_are_named_are_mounted,
    rules_objects.autoscalers_can_scale,
    rules_objects.autoscalers_step_down_slowly,
    rules_objects.disruption_budgets_allow_an_eviction,
    rules_objects.servers_have_one_budget_each,
    rules_objects.pods_that_are_not_ready_can_be_evicted,
    rules_objects.schedules_can_run,
    rules_objects.mounts_have_volumes,
    rules_objects.labels_agree,
    rules_objects.objects_share_the_namespace,
    rules_objects.every_shard_has_its_worker,
    rules_config.config_maps_are_hashed,
    rules_config.secrets_are_references,
    rules_config.keys_are_there,
    rules_config.expansions_are_defined,
    rules_config.jobs_are_templates,
    rules_config.namespace_is_restricted,
    rules_config.shared_memory_is_sized,
    rules_config.what_is_fetched_comes_first,
    rules_config.gateways_and_their_tritons_serve_one_bundle,
    rules_config.what_serves_is_kept,
    rules_config.probes_suit_tls,
    rules_canary.canaries_are_as_the_stable,
    rules_jobs.jobs_work_one_at_a_time,
    rules_jobs.steps_come_in_their_order,
    rules_custom.custom_kinds_are_known,
    rules_custom.monitors_find_a_port,
    rules_custom.alerts_are_whole,
    rules_custom.certificates_are_mounted,
)
BARE_CLUSTER = [K8S / "base", *folders("overlays")]
RENDERED = [*BARE_CLUSTER, *folders("components")]


@cache
def _rendered(folder: Path, scratch: Path) -> Objects:
    return render_any(folder, scratch)


@pytest.fixture(params=RENDERED, ids=lambda p: p.relative_to(K8S).as_posix())
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Objects:
    return _rendered(request.param, tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("version", MINORS)
def test_every_object_fits_its_schema_strictly(objects: Objects, version: str) -> None:
    assert schema_problems(objects, version) == []


def schema_problems(objects: Objects, version: str) -> list[str]:
    """An unknown kind is one too; of those of components, which have no schema here, there are rules."""
    return [
        f"{name(found)}: {problem}"
        for found in objects
        if found["kind"] not in rules_custom.KNOWN
        if (problem := _refused(json.dumps(found, sort_keys=True), version))
    ]


@cache  # most objects are the base's, everywhere the same
def _refused(found: str, version: str) -> str:
    try:
        kubernetes_validate.validate(json.loads(found), version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return repr(error)
    return ""


@pytest.mark.parametrize("folder", BARE_CLUSTER, ids=lambda p: p.relative_to(K8S).as_posix())
def test_a_bare_cluster_knows_every_kind(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    objects = _rendered(folder, tmp_path_factory.getbasetemp())
    assert rules_objects.kinds_are_built_in(objects) == []


@pytest.mark.parametrize("folder", folders("overlays"), ids=lambda p: p.name)
def test_an_overlay_that_grows_names_its_bundle(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    objects = _rendered(folder, tmp_path_factory.getbasetemp())
    assert rules_config.growing_overlays_name_their_bundle(objects) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(objects: Objects, rule: Callable[[Objects], list[str]]) -> None:
    assert rule(objects) == []


def test_references_resolve(objects: Objects) -> None:
    assert rules_objects.references_resolve(objects, GIVEN) == []


def test_probes_ask_for_services_that_the_gateway_registers(objects: Objects) -> None:
    assert rules_pods.probes_reach_what_is_served(objects, health_services()) == []


def test_variables_are_settings_of_the_programs(objects: Objects) -> None:
    assert rules_objects.variables_are_settings(objects, setting_names()) == []


def test_triton_ends_after_the_gateways_have_looked_up_again(objects: Objects) -> None:
    assert rules_pods.triton_outlives_the_look_ups(objects, LOOK_UP_S) == []


def test_redis_has_room_for_what_is_kept(objects: Objects) -> None:
    assert rules_objects.redis_has_room(objects, LOG_ENTRIES, EVENT_ENTRIES) == []


def test_every_member_of_the_fusion_has_its_pod(objects: Objects) -> None:
    assert rules_objects.every_member_has_its_pod(objects, MEMBERS) == []


def test_names_are_unique(objects: Objects) -> None:
    names = [name(o) for o in objects]
    assert len(names) == len(set(names))


def test_the_local_overlay_fits_its_node_with_one_job_at_a_time(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    objects = _rendered(K8S / "overlays/local", tmp_path_factory.getbasetemp())
    for resource, node in (("cpu", NODE_CPU), ("memory", NODE_MEMORY)):
        assert 0 < rules_placing.asked_at_once(objects, resource) <= quantity(node)
    base = _rendered(K8S / "base", tmp_path_factory.getbasetemp())
    assert rules_placing.asked_at_once(base, "cpu") > quantity(NODE_CPU)  # it can fail


@pytest.mark.parametrize(
    "found", [{"kind": "Whatever"}, {"apiVersion": "v1", "kind": "Service", "x": 1}]
)
def test_an_unknown_kind_or_field_is_refused(found: Object) -> None:
    whole = {"apiVersion": "example.org/v1", "metadata": {"name": "x"}} | found
    assert schema_problems([whole], NEWEST) != []


def test_every_component_says_what_it_is_for() -> None:
    silent = [p.name for p in folders("components") if not (p / "README.md").is_file()]
    assert silent == []
