"""What a fork means for schedulers and pools. Each test forks in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")

_BEGIN = """
import json, os, threading
from filtersched import BaseHostFilter, FilterScheduler, Flavor, HostPool, HostState, RequestSpec, make_conf

def host(name):
    return HostState(name, total_usable_ram_mb=1000, free_ram_mb=1000)

def in_child(act):
    # What act() returns in a child, and None if it takes too long.
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        threading.Timer(200, os._exit, [1]).start()
        os.write(writing, json.dumps(act()).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else None
"""


def forking(code: str) -> Any:
    """What the code prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _BEGIN + code],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_forked_workers_make_uuids_and_draws_of_their_own():
    uuids, seeds = forking(
        """
scheduler = FilterScheduler(make_conf(enabled_filters=[], host_subset_size=50))
pool = HostPool(host(f"h{n}") for n in range(50))

def decide():
    found = scheduler.select_destinations(RequestSpec(num_instances=2), pool)
    return [one.instance_uuid for one in found], found[0].seed

decide()
told = [in_child(decide) for _ in range(3)] + [decide()]
print(json.dumps([[uuid for uuids, _seed in told for uuid in uuids], [seed for _uuids, seed in told]]))
"""
    )
    assert (len(uuids), len(set(uuids))) == (8, 8)
    assert (len(seeds), len(set(seeds))) == (4, 4)


_HELD = """
held, let_go = threading.Event(), threading.Event()
pool = HostPool([host("a"), host("b")])

def hold():
    with pool.lock:
        held.set()
        let_go.wait()

holder = threading.Thread(target=hold)
holder.start()
held.wait()

def use():
    pool.update("a", free_ram_mb=500)
    return [pool["a"].free_ram_mb, "b" in pool, len(list(pool))]

print(json.dumps(in_child(use)))
let_go.set()
holder.join()
"""


def test_lock_that_another_thread_held_is_free_in_the_child():
    assert forking(_HELD) == [500, True, 2]


_HOLDS = """
pool = HostPool([host("a")])

def held():
    got = []
    other = threading.Thread(target=lambda: got.append(pool.lock.acquire(timeout=0.1)))
    other.start()
    other.join()
    return got

with pool.lock:
    print(json.dumps(in_child(held)))
"""


def test_lock_that_the_forking_thread_holds_stays_held():
    assert forking(_HOLDS) == [False]


_DECIDING = """
class SlowFilter(BaseHostFilter):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        if threading.current_thread() is not threading.main_thread():
            asked.set()
            let_go.wait()
        return host_state.free_ram_mb >= 500

asked, let_go = threading.Event(), threading.Event()
pool = HostPool(host(f"h{n}") for n in range(5))
scheduler = FilterScheduler(make_conf(available_filters=["__main__.SlowFilter"], enabled_filters=["SlowFilter"]))

def place():
    return scheduler.place(RequestSpec(Flavor(memory_mb=600)), pool)[0].host

place()
placing = threading.Thread(target=place)
placing.start()
asked.wait()
print(json.dumps(in_child(lambda: [place(), place(), place(), place()])))
let_go.set()
placing.join()
"""


def test_decision_of_another_thread_leaves_nothing_behind_in_the_child():
    assert forking(_DECIDING) == ["h1", "h2", "h3", "h4"]


def test_forks_are_watched_once_there_is_a_pool_and_not_by_importing():
    watched = forking(
        """
watched = []
os.register_at_fork = lambda **how: watched.append(sorted(how))
HostPool()
HostPool()
print(json.dumps(watched))
"""
    )
    assert watched == [["after_in_child"]]
