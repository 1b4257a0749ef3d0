"""Any two components go together, in either order but where the README asks for one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from subprocess import CalledProcessError

from tests.meta.k8s.combinations import Pair, alike, broken, ordered
from tests.meta.k8s.manifests import Objects
from tests.meta.k8s.rendering import folders, render_overlay

LAST = "images"  # after all others, see tests/meta/k8s/test_release.py


def test_any_two_components_hold_every_rule_in_the_order_of_the_readme(
    tmp_path: Path, measured: Callable[[str], None]
) -> None:
    names = [p.name for p in folders("components") if p.name != LAST]
    in_order = [p if p[::-1] not in ordered() else p[::-1] for p in combinations(names, 2)]

    def rendered(pair: Pair) -> Objects | None:
        scratch = tmp_path / "-".join(pair)
        scratch.mkdir()
        try:
            return render_overlay(list(pair), scratch)
        except CalledProcessError:
            return None

    with ThreadPoolExecutor(2) as pool:
        forth = dict(zip(in_order, pool.map(rendered, in_order), strict=True))
        back = dict(zip(in_order, pool.map(rendered, [p[::-1] for p in in_order]), strict=True))
    wrong = {pair: ["doesn't build"] if o is None else broken(o) for pair, o in forth.items()}
    assert {pair: found for pair, found in wrong.items() if found} == {}
    differ = {
        pair
        for pair in in_order
        if back[pair] is None or not alike(forth[pair] or [], back[pair] or [])
    }
    assert differ == ordered()
    measured(f"{len(in_order)} pairs, of which {len(differ)} in one order alone")
