"""Processes that place on one nearly full pool at once, some killed at random; and what must hold all the while.

python -m tests.shared_race sqlite:////tmp/race.db --requests 20000 --kill
python -m tests.shared_race postgresql+psycopg://user@/empty_database --requests 20000 --kill --cut

Each process writes down what it is about to do and what it did, so that afterwards every claim that was
answered is looked for in the database, and everything in the database in what was written down.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine

from filtersched import (
    CommitConflict,
    FilterScheduler,
    Flavor,
    HostState,
    InstanceGroup,
    NoValidHost,
    PoolError,
    RequestSpec,
    make_conf,
)
from filtersched.shared import SharedPool
from filtersched.shared.engines import open_engine
from tests.shared_store import Store, broken_rules, read_store

HOSTS, RAM_MB, VCPUS = 12, 32768, 32
GROUPS = {f"group{number}": ("anti-affinity", "affinity")[number % 2] for number in range(12)}
FILTERS = ["RamFilter", "CoreFilter", "ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter"]

# Made before the processes are, so that these import nothing.
SCHEDULERS = [
    FilterScheduler(
        make_conf(
            enabled_filters=FILTERS,
            ram_allocation_ratio=1.0,
            cpu_allocation_ratio=1.0,
            host_subset_size=size,
        )
    )
    for size in (1, 4)
]


class Journal:
    """What a process does, a line each, written before it goes on."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, what: str, uuids: list[str]) -> None:
        os.write(self._file, f"{what} {' '.join(uuids)}\n".encode())


class Told:
    """What the journals say.

    placed : answered claims; begun : claims without an answer; released : answered releases; leaving : others.
    """

    def __init__(self, folder: Path, name: str = "*") -> None:
        self.placed: set[str] = set()
        self.begun: list[list[str]] = []
        self.released: set[str] = set()
        self.leaving: set[str] = set()
        self.counts: dict[str, int] = {}
        for path in folder.glob(f"{name}.journal"):
            self._read(path)

    def _read(self, path: Path) -> None:
        open_claim: list[str] | None = None
        for line in path.read_text().splitlines():
            what, *uuids = line.split(" ")
            self.counts[what] = self.counts.get(what, 0) + 1
            if what == "place":
                if open_claim:
                    # The process was killed before the answer, and another goes on in its journal.
                    self.begun.append(open_claim)
                open_claim = uuids
            elif what in ("placed", "refused", "conflict", "failed"):
                if what == "placed":
                    self.placed.update(uuids)
                elif what == "failed" and open_claim:
                    self.begun.append(open_claim)
                open_claim = None
            elif what == "release":
                self.leaving.update(uuids)
            elif what == "released":
                self.released.update(uuids)
        if open_claim:
            self.begun.append(open_claim)


def requests_of(chance: random.Random) -> Iterator[RequestSpec]:
    """Small and large ones, some of several instances, a third of them in groups; with old lists of members."""
    while True:
        flavor = Flavor(memory_mb=chance.choice((1024, 2048, 4096)), vcpus=chance.choice((1, 2, 4)))
        group = None
        if chance.random() < 0.33:
            name = chance.choice(list(GROUPS))
            group = InstanceGroup(uuid=name, policy=GROUPS[name], members=["gone"] if chance.random() < 0.5 else [])
        yield RequestSpec(flavor, instance_group=group, num_instances=chance.choice((1, 1, 1, 1, 2, 3)))


def work(url: str, seed: int, count: int, journal: Journal, before: list[str]) -> None:
    """Place so many requests, and make room whenever one is refused.

    before : what a process placed that was killed, and that this one goes on for.
    """
    chance = random.Random(seed)
    scheduler = chance.choice(SCHEDULERS)
    with _opened(url) as pool:
        mine = [one for one in before if _is_there(pool, one)]
        for _number, spec in zip(range(count), requests_of(chance), strict=False):
            uuids = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(spec.num_instances)]
            journal.write("place", uuids)
            try:
                scheduler.place(spec, pool, uuids)
            except NoValidHost:
                journal.write("refused", uuids)
                _make_room(pool, mine, chance, journal)
            except CommitConflict:
                journal.write("conflict", uuids)
            except PoolError as problem:
                # The claim may be there, or not.
                journal.write("failed", uuids)
                _check_passing(problem)
            else:
                journal.write("placed", uuids)
                mine += uuids


def _make_room(pool: SharedPool, mine: list[str], chance: random.Random, journal: Journal) -> None:
    for _ in range(min(len(mine), chance.randint(1, 4))):
        one = mine.pop(chance.randrange(len(mine)))
        journal.write("release", [one])
        try:
            pool.release(one)
        except PoolError as problem:
            _check_passing(problem)
        else:
            journal.write("released", [one])


def _is_there(pool: SharedPool, instance: str) -> bool:
    try:
        pool.instance(instance)
    except KeyError:
        return False
    except PoolError as problem:
        _check_passing(problem)
        return False
    return True


def _opened(url: str) -> SharedPool:
    while True:
        try:
            return SharedPool(url)
        except PoolError as problem:
            _check_passing(problem)


def _check_passing(problem: PoolError) -> None:
    """Raise the problem again unless it is one of a connection that is cut."""
    if problem.problem not in {"lost", "locked", "unreachable"}:
        raise problem


def start(url: str, seed: int, count: int, folder: Path, name: str) -> int:
    """A process of its own; its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        told = Told(folder, name)
        before = sorted(told.placed - told.released) + [one for claim in told.begun for one in claim]
        work(url, seed, count, Journal(folder / f"{name}.journal"), before)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def race(
    url: str, *, requests: int, processes: int, kill: bool = False, cut: bool = False, seed: int, folder: Path
) -> dict[str, object]:
    """Run the race; what came of it, with `wrong`, the sentences about what did not hold.

    kill : a process is killed every half second or so.
    cut : PostgreSQL ends connections in the middle of whatever they do.
    """
    chance = random.Random(seed)
    hosts = [
        HostState(f"h{number}", total_usable_ram_mb=RAM_MB, free_ram_mb=RAM_MB, vcpus_total=VCPUS)
        for number in range(HOSTS)
    ]
    with SharedPool.create(url, hosts) as pool:
        SCHEDULERS[0].select_destinations(next(requests_of(chance)), pool)
    each = -(-requests // processes)
    began = time.monotonic()
    running = {start(url, chance.getrandbits(32), each, folder, str(n)): str(n) for n in range(processes)}
    wrong: list[str] = []
    killed = 0
    engine = open_engine(url)
    while running:
        # One at once: a fast machine may be done before there is another.
        if kill and (not killed or chance.random() < 0.4):
            victim = chance.choice(list(running))
            os.kill(victim, signal.SIGKILL)
        if cut:
            _cut_connections(engine)
        for process in list(running):
            ended, status = os.waitpid(process, os.WNOHANG)
            if not ended:
                continue
            name = running.pop(process)
            if os.WIFSIGNALED(status):
                killed += 1
                left = each - Told(folder, name).counts.get("place", 0)
                if left > 0:
                    running[start(url, chance.getrandbits(32), left, folder, name)] = name
            elif status:
                wrong.append(f"process {name} ended with an error")
        # One consistent state in the middle of the race.
        wrong += broken_rules(read_store(engine), GROUPS)
        time.sleep(0.2)
    seconds = time.monotonic() - began
    store, told = read_store(engine), Told(folder)
    engine.dispose()
    wrong += [*broken_rules(store, GROUPS), *_untold(store, told), *_replica(url, store)]
    return {
        **told.counts,
        "instances": len(store.instances),
        "ram_in_use": round(1 - sum(host["free_ram_mb"] for host in store.hosts.values()) / (HOSTS * RAM_MB), 3),
        "killed": killed,
        "seconds": round(seconds, 1),
        "wrong": wrong[:20],
    }


def _cut_connections(engine: Engine) -> None:
    """Let the server end a third of the other connections."""
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND random() < 0.33"
        )


def _untold(store: Store, told: Told) -> list[str]:
    """What differs between the database and what the processes were told."""
    there = set(store.instances)
    wrong = [f"{one} was placed and not released, and is not there" for one in told.placed - told.leaving - there]
    wrong += [f"{one} was released, and is there" for one in told.released & there]
    unanswered = {one for claim in told.begun for one in claim}
    wrong += [f"{one} is there, and nobody placed it" for one in there - told.placed - unanswered]
    for claim in told.begun:
        if 0 < len(there & set(claim)) < len(claim):
            wrong.append(f"half of a claim is there: {claim}")
    return wrong


def _replica(url: str, store: Store) -> list[str]:
    with SharedPool(url) as pool:
        found = {uuid: (host.host, host.nodename) for host in pool for uuid in host.instances}
        free = {(host.host, host.nodename): host.free_ram_mb for host in pool}
    wrong = [] if found == store.places else ["a new replica has other instances than the database"]
    if free != {key: host["free_ram_mb"] for key, host in store.hosts.items()}:
        wrong.append("a new replica has other figures than the database")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--kill", action="store_true", help="kill a process every half second or so")
    parser.add_argument("--cut", action="store_true", help="let PostgreSQL end connections in the middle")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = race(
            args.url,
            requests=args.requests,
            processes=args.processes,
            kill=args.kill,
            cut=args.cut,
            seed=args.seed,
            folder=Path(folder),
        )
    print(json.dumps(found))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
