import json
from pathlib import Path

import pytest

from training.peers.ease import Ease
from training.peers.popularity import Popularity
from training.peers.table import PEERS
from training.peers.tuned import Tuned, read_tuned, write_tuned
from training.tune import SEED, settings


def test_what_is_written_is_read(tmp_path: Path) -> None:
    chosen = {
        "ease": Tuned(Ease(power=1.0), Ease(power=0.0), 24, 0.3, 0.2, 0.03, 4.5),
        "popularity": Tuned(Popularity(7.0), Popularity(9.0), 2, 0.1, 0.2, 0.02, 0.5),
    }
    write_tuned(chosen, tmp_path / "tuned.json")
    assert read_tuned(tmp_path / "tuned.json") == chosen
    written = json.loads((tmp_path / "tuned.json").read_text())
    assert list(written) == ["popularity", "ease"]
    assert written["popularity"]["parameters"] == {"half_life_days": 7.0}
    assert written["popularity"]["new_parameters"] == {"half_life_days": 9.0}


@pytest.mark.parametrize("question", ["parameters", "new_parameters"])
def test_a_parameter_that_is_not_there_is_an_error(tmp_path: Path, question: str) -> None:
    path = tmp_path / "tuned.json"
    path.write_text(json.dumps({"ease": {question: {"depth": 3}}}))
    with pytest.raises(TypeError, match="depth"):
        read_tuned(path)


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_was_tuned_within_its_space(name: str) -> None:
    one, peer = read_tuned()[name], PEERS[name]
    tried = settings(name, peer, peer.trials, SEED)
    assert one.trials == len(tried)
    assert one.parameters in tried
    assert one.new_parameters in tried
