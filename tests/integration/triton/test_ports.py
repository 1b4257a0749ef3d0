"""Ports of servers that are started a moment later."""

import socket

import pytest

from serving.triton.ports import FIRST, LOOPBACK, OF_CONNECTIONS, free_ports, listening


def test_none_is_given_twice():
    found = [*free_ports(20), *free_ports(20)]
    assert len(set(found)) == 40


def test_no_outgoing_connection_can_take_one():
    first, last = map(int, OF_CONNECTIONS.read_text().split())
    if first <= 2 * FIRST:
        pytest.skip(f"this machine leaves none: its connections begin at port {first}")
    for port in free_ports(20):
        assert port >= FIRST
        assert not first <= port <= last


def test_one_that_is_taken_is_left_out():
    (port,) = free_ports(1)
    with socket.create_server((LOOPBACK, port + 1)):
        assert listening(port + 1)
        assert port + 1 not in free_ports(3)
    assert not listening(port + 1)
