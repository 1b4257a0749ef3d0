from pathlib import Path

import pytest

from tests.rehearsal.places import Notes, Places, Site
from tests.rehearsal.pods import Template
from tests.unit.rehearsal.test_pods import template

ADDRESS = "127.0.1.4"


def places(state: Path, folder: Path, made: Template) -> Places:
    services = frozenset({"triton"})
    site = Site(state, folder, services, "127.0.0.1:53", lambda _: ADDRESS, Notes())
    return Places(site, "gateway-1", ADDRESS, made.pod({}), made.objects)


@pytest.mark.parametrize("state", [Path("/srv/state"), Path("/tmp/clone/state")])
def test_a_path_is_put_once_wherever_the_state_lies(tmp_path: Path, state: Path):
    """A folder of this machine may begin like one of a pod's."""
    made = template("Deployment", "gateway")
    found = places(state, tmp_path, made)
    (container,) = made.pod({}).containers
    told = found.environment(container, {})
    assert told["RECSERVE_GATEWAY_SNAPSHOT"] == f"{state}/snapshots/current"
    assert told["RECSERVE_GATEWAY_HOST"] == ADDRESS
    assert told["TMPDIR"] == str(tmp_path / "pods/gateway-1/tmp")
