import socket
import struct
from collections.abc import Sequence

import pytest

from tests.rehearsal.dns import TTL_S, Cached, answer

PODS = {"triton.recserve.svc.cluster.local": ("127.0.1.3", "127.0.1.4")}


def query(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", 77, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def read(response: bytes) -> tuple[int, int, set[str]]:
    """Number, error code, and the addresses at the response's end."""
    number, flags, _, count, _, _ = struct.unpack_from("!6H", response)
    records = [response[len(response) - 16 * (n + 1) :][:16] for n in range(count)]
    return number, flags & 15, {socket.inet_ntoa(one[12:]) for one in records}


def test_every_address_of_a_name_is_answered():
    asked = query("Triton.recserve.svc.cluster.local")
    assert read(answer(asked, PODS.get)) == (77, 0, {"127.0.1.3", "127.0.1.4"})


def test_a_name_without_ready_pods_is_there_and_an_unknown_one_is_not():
    assert read(answer(query("triton"), {"triton": ()}.get)) == (77, 0, set())
    assert read(answer(query("nobody"), PODS.get)) == (77, 3, set())


def test_other_kinds_of_records_are_empty():
    asked = query("triton.recserve.svc.cluster.local", kind=28)
    assert read(answer(asked, PODS.get)) == (77, 0, set())


@pytest.mark.parametrize("noise", [b"", b"\0" * 12, query("triton")[:-6], b"\xff" * 40])
def test_noise_is_refused(noise: bytes):
    with pytest.raises((ValueError, IndexError, struct.error)):
        answer(noise, PODS.get)


def test_an_answer_is_kept_for_its_time_to_live():
    now, there = 0.0, ["127.0.1.3"]

    def look_up(name: str) -> Sequence[str]:
        return tuple(there)

    cached = Cached(look_up, lambda: now)
    assert cached("triton") == ("127.0.1.3",)
    there.append("127.0.1.4")
    now = TTL_S - 0.1
    assert cached("triton") == ("127.0.1.3",)
    now = TTL_S + 0.1
    assert cached("triton") == ("127.0.1.3", "127.0.1.4")
