"""While very many objects are made that last, the garbage collector waits; it is left as it was found."""

from __future__ import annotations

import gc
import os

import pytest

from filtersched import HostPool, HostState
from filtersched.columns.lasting import without_collections
from filtersched.inventory import HostReader, read_hosts


@pytest.fixture(autouse=True)
def _collector():
    was_enabled = gc.isenabled()
    gc.collect()
    gc.enable()
    yield
    gc.unfreeze()
    (gc.enable if was_enabled else gc.disable)()


@pytest.fixture
def collections():
    """The generations that were looked at, in order."""
    found = []

    def note(phase, facts):
        if phase == "start":
            found.append(facts["generation"])

    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text("".join(f'{{"host": "h{nr}", "stats": {{"nr": {nr}}}}}\n' for nr in range(3000)))
    return path


def test_no_collection_looks_at_hosts_while_a_file_is_read_or_right_after(inventory, collections):
    hosts = list(read_hosts(inventory))
    during = len(collections)
    objects = [[] for _ in range(500)]

    assert len(hosts) == 3000
    assert during == 0
    assert collections == []
    assert len(objects) == 500


def test_no_collection_looks_at_the_first_hosts_of_a_pool(collections):
    pool = HostPool(HostState(f"h{nr}", stats={"nr": nr}) for nr in range(3000))

    assert len(pool) == 3000
    assert collections == []


def test_collector_is_on_whenever_the_caller_has_a_host(inventory):
    assert {gc.isenabled() for _host in read_hosts(inventory)} == {True}


def test_collector_that_is_off_stays_off(inventory):
    gc.disable()

    assert {gc.isenabled() for _host in read_hosts(inventory)} == {False}
    assert not gc.isenabled()


def test_objects_that_the_caller_froze_stay_frozen(inventory):
    gc.freeze()
    frozen = gc.get_freeze_count()

    hosts = list(read_hosts(inventory))

    assert len(hosts) == 3000
    assert frozen - 1000 < gc.get_freeze_count() <= frozen


def test_collector_is_on_again_after_an_exception():
    with pytest.raises(ZeroDivisionError), without_collections():
        raise ZeroDivisionError

    assert gc.isenabled()


def test_garbage_made_meanwhile_is_collected_later():
    class Loop:
        pass

    with without_collections():
        loop = Loop()
        loop.itself = loop
        del loop

    assert gc.collect() > 0


class Unlucky(HostState):
    """A host whose class fails at one of them."""

    def __init__(self, host, **attributes):
        if host == "h1500":
            raise ZeroDivisionError
        super().__init__(host, **attributes)


def test_hosts_before_an_exception_of_their_class_are_given_out_first(inventory):
    reader = HostReader(inventory, host_class=Unlucky)
    given = []

    def read():
        given.extend((host.host, reader.line) for host in reader)

    with pytest.raises(ZeroDivisionError):
        read()
    assert given == [(f"h{nr}", nr + 1) for nr in range(1500)]
    assert reader.line == 1501


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_gives_each_host_when_its_line_has_come(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    try:
        os.write(end, b'{"host": "a"}\n{"host": "b"}\n')
        hosts = iter(HostReader(path))
        assert next(hosts).host == "a"
        assert next(hosts).host == "b"
        hosts.close()
    finally:
        os.close(end)
