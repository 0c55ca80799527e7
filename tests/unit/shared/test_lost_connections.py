"""Connections that break while a claim is made: it is whole or absent, and its outcome is looked up, not guessed."""

import contextlib
import os
import socket
import tempfile
import threading
import urllib.parse

import pytest

from filtersched import FilterScheduler, Flavor, HostState, InstanceGroup, PoolError, RequestSpec
from filtersched.shared import SharedPool
from filtersched.shared.engines import Timeouts

scheduler = FilterScheduler(filters=[], weighers=["RAMWeigher"])


def make_spec(memory_mb=512, **fields):
    return RequestSpec(flavor=Flavor(memory_mb=memory_mb, vcpus=1), **fields)


def make_hosts():
    return [HostState(name, total_usable_ram_mb=4096, free_ram_mb=4096) for name in ("cmp1", "cmp2")]


class Wire:
    """Between a scheduler and PostgreSQL: it can be cut at the message that contains certain bytes.

    after : the server gets the message, and its answer is lost; else the message is lost.
    stop : nothing is cut; the message waits until `go_on` is set, as if the scheduler had been stopped.
    """

    def __init__(self, directory, server):
        self.directory = str(directory)
        self._server = f"{server}/.s.PGSQL.5432"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{directory}/.s.PGSQL.5432")
        self._listener.listen()
        self._cut, self._after, self._stop = b"", False, False
        self.stopped, self.go_on = threading.Event(), threading.Event()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, url):
        return url.split("?")[0] + "?host=" + urllib.parse.quote(self.directory, safe="")

    def cut_at(self, text, *, after=False, stop=False):
        self._cut, self._after, self._stop = text, after, stop

    def close(self):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server), daemon=True).start()

    def _ask(self, client, server):
        with contextlib.suppress(OSError):
            while message := client.recv(65536):
                if self._cut and self._cut in message:
                    self._cut = b""
                    self.cuts += 1
                    if self._stop:
                        self.stopped.set()
                        self.go_on.wait()
                        server.sendall(message)
                        continue
                    if self._after:
                        # When the server has answered, it is done.
                        self._is_lost = True
                        server.sendall(message)
                        return
                    break
                server.sendall(message)
        _hang_up(client)
        _hang_up(server)

    _is_lost = False

    def _answer(self, client, server):
        with contextlib.suppress(OSError):
            while answer := server.recv(65536):
                if self._is_lost:
                    self._is_lost = False
                    break
                client.sendall(answer)
        _hang_up(client)
        _hang_up(server)


def _hang_up(end):
    # At once, whoever reads from it.
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture
def wire(postgresql):
    # The path of a unix socket has 107 bytes at most.
    with tempfile.TemporaryDirectory() as directory:
        wire = Wire(directory, postgresql.directory)
        yield wire
        wire.close()


@pytest.fixture
def url(postgresql):
    url = postgresql.new_database()
    SharedPool.create(url, make_hosts()).close()
    return url


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("group", [None, "g1"])
def test_claim_whose_answer_is_lost_is_made_once(wire, url, after, group):
    with SharedPool(wire.url(url)) as a, SharedPool(url) as b:
        where = None if group is None else InstanceGroup(policy="soft-affinity", uuid=group)
        # In one statement, or with a COMMIT of its own.
        wire.cut_at(b"u1" if group is None else b"COMMIT", after=after)
        (selection,) = scheduler.place(make_spec(instance_uuid="u1", instance_group=where), a)
        assert wire.cuts == 1
        assert b.host_of("u1").host == selection.host
        assert sorted(host.free_ram_mb for host in b) == [3584, 4096]
        assert sorted(host.free_ram_mb for host in a) == [3584, 4096]
        # It was looked up, so nothing was decided again.
        assert a.claims.conflicts == (0 if after else 1)
        b.release("u1")
        assert [host.free_ram_mb for host in a] == [4096, 4096]


def test_scheduler_that_is_stopped_inside_a_transaction_holds_up_the_others_briefly(wire, url):
    limits = Timeouts(idle_s=1.5)
    group = InstanceGroup(policy="soft-affinity", uuid="g1")
    with SharedPool(wire.url(url), timeouts=limits) as stopped, SharedPool(url) as other:
        wire.cut_at(b"COMMIT", stop=True)
        thread = threading.Thread(
            target=FilterScheduler(filters=[], weighers=["RAMWeigher"]).place,
            args=(make_spec(instance_uuid="u1", instance_group=group), stopped),
        )
        thread.start()
        wire.stopped.wait()
        # The transaction of the other has its locks, and does nothing.
        scheduler.place(make_spec(instance_uuid="u2", instance_group=group), other)
        assert other.host_of("u2").free_ram_mb == 3584
        # It goes on, finds that its transaction was ended, and claims again.
        wire.go_on.set()
        thread.join()
        assert stopped.host_of("u1").host == other.host_of("u1").host
        assert sum(host.free_ram_mb for host in other) == 2 * 4096 - 2 * 512


def test_connection_that_breaks_while_the_replica_catches_up_is_made_again(wire, url):
    with SharedPool(wire.url(url)) as a, SharedPool(url) as b:
        scheduler.place(make_spec(instance_uuid="u1"), b)
        wire.cut_at(b"txid_visible", after=False)
        assert a.instance("u1").uuid == "u1"
        assert wire.cuts == 1


def test_connections_that_an_administrator_ends_are_made_again(postgresql, url):
    with SharedPool(url) as pool:
        scheduler.place(make_spec(instance_uuid="u1"), pool)
        postgresql.run_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{url.split('?')[0].rpartition('/')[2]}'"
        )
        scheduler.place(make_spec(instance_uuid="u2"), pool)
        assert sorted(one for host in pool for one in host.instances) == ["u1", "u2"]


def test_server_that_restarts_is_found_again(tmp_path):
    from tests.postgresql_server import NotInstalled, postgresql_server

    try:
        with postgresql_server() as server:
            url = server.new_database()
            with SharedPool.create(url, make_hosts(), timeouts=Timeouts(connect_s=5.0)) as pool:
                scheduler.place(make_spec(instance_uuid="u1"), pool)
                server.stop("immediate")
                with pytest.raises(PoolError) as caught:
                    scheduler.place(make_spec(instance_uuid="u2"), pool)
                assert caught.value.problem in ("lost", "unreachable")
                server.start()
                scheduler.place(make_spec(instance_uuid="u3"), pool)
                assert sorted(one for host in pool for one in host.instances) == ["u1", "u3"]
    except NotInstalled as reason:
        pytest.skip(str(reason))


def test_forked_process_claims_through_a_connection_of_its_own(database_url):
    with SharedPool.create(database_url, make_hosts()) as pool:
        scheduler.place(make_spec(instance_uuid="u1"), pool)
        child = os.fork()
        if child == 0:
            try:
                FilterScheduler(filters=[]).place(make_spec(instance_uuid="u2"), pool)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        scheduler.place(make_spec(instance_uuid="u3"), pool)
        assert sorted(one for host in pool for one in host.instances) == ["u1", "u2", "u3"]


def test_threads_share_a_pool(database_url):
    with SharedPool.create(database_url, make_hosts()) as pool:
        numbers = iter(range(100))
        lock = threading.Lock()

        def work():
            mine = FilterScheduler(filters=[])
            for _ in range(5):
                with lock:
                    number = next(numbers)
                mine.place(make_spec(64, instance_uuid=f"u{number}"), pool)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sum(host.free_ram_mb for host in pool) == 8192 - 20 * 64
        assert sum(len(host.instances) for host in pool) == 20


def test_pool_that_two_processes_import_at_once_is_made_once(database_url):
    results = []

    def make():
        try:
            SharedPool.create(database_url, make_hosts()).close()
            results.append("made")
        except PoolError as problem:
            results.append(problem.problem)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(results) == ["exists", "made"]
    with SharedPool(database_url) as pool:
        assert [host.host for host in pool] == ["cmp1", "cmp2"]


def test_database_that_another_process_holds_is_an_error_and_changes_nothing(tmp_path):
    import sqlite3

    path = tmp_path / "pool.db"
    with SharedPool.create(f"sqlite:///{path}", make_hosts(), timeouts=Timeouts(lock_s=0.05)) as pool:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PoolError) as caught:
            scheduler.place(make_spec(instance_uuid="u1"), pool)
        assert caught.value.problem == "locked"
        other.execute("ROLLBACK")
        other.close()
        assert [list(host.instances) for host in pool] == [[], []]
        scheduler.place(make_spec(instance_uuid="u1"), pool)


def test_closed_pool_says_so(database_url):
    pool = SharedPool.create(database_url, make_hosts())
    pool.close()
    pool.close()
    with pytest.raises(PoolError, match="the pool is closed") as caught:
        scheduler.place(make_spec(), pool)
    assert caught.value.problem == "closed"
