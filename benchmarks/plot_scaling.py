"""How the time of a decision grows with hosts and with instances, as docs/images/scaling.png.

The requests, filters and weighers are those of bench_nova.py; clusters are made of columns and kept.
Nova, where its Python is named, is measured up to 10,000 hosts, and with 1 to 20 instances.

    FILTERSCHED_NOVA_PYTHON=… python benchmarks/plot_scaling.py         or: tox -e plot
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from bench_nova import Bench, large_pool, machine, median, request, spec_of, told
from nova_peer.client import NovaPeer, nova_python

IMAGE = pathlib.Path(__file__).parents[1] / "docs" / "images" / "scaling.png"
HOSTS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
INSTANCES = (1, 3, 10, 30, 100, 300, 1000)
NOVA_HOSTS = (1_000, 3_000, 10_000)
NOVA_INSTANCES = (1, 5, 20)

Points = list[tuple[int, float]]


def ours_by_hosts(counts: Sequence[int], instances: int) -> Points:
    """(hosts, seconds) of a request of a kind seen before."""
    points = []
    for count in counts:
        pool = large_pool(count)
        asked = request(instances=instances)
        points.append((count, _seconds(pool, asked)))
    return points


def ours_by_instances(count: int, numbers: Sequence[int]) -> Points:
    """(instances, seconds) on a pool of `count` hosts."""
    pool = large_pool(count)
    return [(number, _seconds(pool, request(instances=number))) for number in numbers]


def _seconds(pool: object, asked: dict[str, object]) -> float:
    scheduler = Bench(1, None).scheduler
    spec = spec_of(asked)
    decide = lambda: scheduler.select_destinations(spec, pool, asked["uuids"])  # type: ignore[arg-type]  # noqa: E731
    decide()
    return median(decide, 9)


def novas(peer: NovaPeer | None, cases: Sequence[tuple[int, int]], by: int) -> Points:
    """(hosts or instances, seconds) of Nova; `by` says which of the pair is the axis."""
    points: Points = []
    for case in cases if peer is not None else ():
        seconds = Bench(case[0], peer).nova(request(instances=case[1]))
        assert seconds is not None
        points.append((case[by], seconds))
    return points


def drawn(axes: plt.Axes, lines: dict[str, Points], label: str) -> None:
    """One picture with both axes logarithmic."""
    for name, points in lines.items():
        if points:
            axes.loglog(*zip(*points, strict=True), marker="o", markersize=3, label=name)
    axes.set_xlabel(label)
    axes.set_ylabel("seconds a request")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, default=IMAGE)
    options = parser.parse_args()
    python = nova_python()
    peer = NovaPeer(python) if python else None
    by_hosts = {
        "filtersched, 1 instance": ours_by_hosts(HOSTS, 1),
        "filtersched, 1000 instances": ours_by_hosts([count for count in HOSTS if count >= 3000], 1000),
        "Nova, 1 instance": novas(peer, [(count, 1) for count in NOVA_HOSTS], 0),
    }
    by_instances = {
        "filtersched, 10,000 hosts": ours_by_instances(10_000, INSTANCES),
        "filtersched, 100,000 hosts": ours_by_instances(100_000, INSTANCES),
        "Nova, 10,000 hosts": novas(peer, [(10_000, number) for number in NOVA_INSTANCES], 1),
    }
    if peer is not None:
        peer.close()
    for name, points in {**by_hosts, **by_instances}.items():
        print(f"{name}: " + ", ".join(f"{x}: {told(seconds)}" for x, seconds in points))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    drawn(left, by_hosts, "hosts")
    drawn(right, by_instances, "instances of a request")
    figure.suptitle(machine(), fontsize=7)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output, dpi=110)
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
