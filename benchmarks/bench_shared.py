"""Claims a second on one shared pool, and conflicts a claim: several schedulers, SQLite and PostgreSQL.

Each scheduler is a process and has its own replica. All place instances of one flavor on hosts that have room
for all of them, so that they want the same best host; `host_subset_size` 10 lets them draw among ten. Afterwards
the script checks that every claim is in the database once and that the hosts' figures are the sums of their
instances; it ends with an error if not. "CPU ms" is what a claim takes of its scheduler's processor, without the
database's; on a machine that does other things as well it says more than claims a second.

    python benchmarks/bench_shared.py                                  10,000 hosts, 1, 4 and 16 schedulers
    python benchmarks/bench_shared.py --hosts 1000 --schedulers 1,4 --seconds 2
    python benchmarks/bench_shared.py --postgresql postgresql+psycopg://user@host/empty_database

Without --postgresql a server is started in a temporary directory, where one is installed. It waits for the disk at
each COMMIT, as servers do that keep what they promised.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from filtersched import CommitConflict, FilterScheduler, Flavor, HostState, RequestSpec, make_conf
from filtersched.shared import SharedPool
from filtersched.shared.engines import open_engine, writing
from filtersched.shared.schema import metadata
from tests.postgresql_server import NotInstalled, PostgresqlServer, postgresql_server
from tests.shared_store import broken_rules, read_store

FILTERS = ["AvailabilityZoneFilter", "RamFilter", "CoreFilter", "ComputeFilter"]
OUTCOMES = ("conflicts", "held_newer", "alternate", "decided_anew")
COLUMNS = ("database", "subset", "schedulers", "claims/s", "CPU ms", *(one.replace("_", " ") for one in OUTCOMES))


def hosts(count: int) -> Iterator[HostState]:
    """Hosts of different sizes, each with room for many instances."""
    for number in range(count):
        memory_mb = 262144 + 1024 * (number % 64)
        yield HostState(f"cmp{number:05}", total_usable_ram_mb=memory_mb, free_ram_mb=memory_mb, vcpus_total=512)


def schedule(url: str, subset: int, seconds: float, ready: int, go: int) -> Counter[str]:
    """Place for so long; how many claims there were, and how they ended."""
    scheduler = FilterScheduler(
        make_conf(
            enabled_filters=FILTERS,
            host_subset_size=subset,
            ram_allocation_ratio=1.0,
            cpu_allocation_ratio=1.0,
        )
    )
    flavor = Flavor(memory_mb=1024, vcpus=1)
    counts: Counter[str] = Counter()
    with SharedPool(url) as pool:
        # The first decision reads all hosts.
        scheduler.select_destinations(RequestSpec(flavor), pool)
        os.write(ready, b".")
        os.read(go, 1)
        end, used = time.monotonic() + seconds, time.process_time()
        while time.monotonic() < end:
            try:
                scheduler.place(RequestSpec(flavor), pool)
                counts["claims"] += 1
            except CommitConflict:
                counts["given up"] += 1
        counts["microseconds"] = round(1e6 * (time.process_time() - used))
        counts.update(dataclasses.asdict(pool.claims))
    return counts


def compete(url: str, schedulers: int, subset: int, seconds: float) -> Counter[str]:
    """What so many processes count, added up."""
    ready, is_ready = os.pipe()
    go, may_go = os.pipe()
    results = []
    for _ in range(schedulers):
        result, answer = os.pipe()
        if os.fork() == 0:
            status = 1
            try:
                os.write(answer, json.dumps(schedule(url, subset, seconds, is_ready, go)).encode())
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(answer)
        results.append(result)
    os.close(is_ready)
    for _ in range(schedulers):
        if not os.read(ready, 1):
            raise SystemExit("a scheduler ended with an error")
    os.write(may_go, b"." * schedulers)
    total: Counter[str] = Counter()
    for result in results:
        with open(result) as stream:
            total.update(json.loads(stream.read()))
        os.wait()
    for descriptor in (ready, go, may_go):
        os.close(descriptor)
    return total


def check(url: str, claims: int) -> None:
    """End the script unless the database has these claims and nothing else."""
    engine = open_engine(url)
    store = read_store(engine)
    engine.dispose()
    wrong = broken_rules(store, {})
    if len(store.instances) != claims:
        wrong.append(f"{claims} claims were answered, {len(store.instances)} are there")
    if wrong:
        raise SystemExit("\n".join(wrong[:10]))


def measure(name: str, url: str, args: argparse.Namespace) -> None:
    """One line for each number of schedulers and each size of the subset."""
    for subset in (1, 10):
        for schedulers in args.schedulers:
            _clear(url)
            SharedPool.create(url, list(hosts(args.hosts))).close()
            counts = compete(url, schedulers, subset, args.seconds)
            claims = counts["claims"]
            check(url, claims)
            each = [f"{counts[what] / max(1, claims):.3f}" for what in OUTCOMES]
            cpu_ms = counts["microseconds"] / 1000 / max(1, claims)
            row = (name, subset, schedulers, f"{claims / args.seconds:,.0f}", f"{cpu_ms:.2f}", *each)
            print("  ".join(f"{one:>12}" for one in row), flush=True)
            if counts["given up"]:
                print(f"    {counts['given up']} requests ended with CommitConflict")


def _clear(url: str) -> None:
    if url.startswith("sqlite:///"):
        for ending in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + ending).unlink(missing_ok=True)
        return
    engine = open_engine(url)
    with writing(engine) as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
    engine.dispose()


@contextlib.contextmanager
def _server() -> Iterator[PostgresqlServer | None]:
    try:
        with postgresql_server("-c fsync=on -c max_connections=200") as server:
            yield server
    except NotInstalled as reason:
        print(f"without PostgreSQL: {reason}")
        yield None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--schedulers", type=lambda text: [int(one) for one in text.split(",")], default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--postgresql", metavar="URL")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    args = parser.parse_args()
    print(f"{args.hosts:,} hosts; {os.cpu_count()} cores. Conflicts and what came of them are per claim.")
    print("  ".join(f"{one:>12}" for one in COLUMNS))
    if args.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            measure("SQLite", f"sqlite:///{folder}/pool.db", args)
    if args.only == "sqlite":
        return
    if args.postgresql:
        measure("PostgreSQL", args.postgresql, args)
        return
    with _server() as server:
        if server is not None:
            measure("PostgreSQL", server.new_database(), args)


if __name__ == "__main__":
    main()
