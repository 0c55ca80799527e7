"""TaskMix: the tasks that a cluster runs, and how much of a host's free GPUs none of them can use.

Fragments are measured and scored as in Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing
Workloads with Fragmentation Gradient Descent", USENIX ATC 2023. To a task, the free part of a GPU that is
smaller than its share is a fragment; on a host that cannot run the task, everything that is free is one.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from filtersched import ConfigurationError
from gpu_sharing.gpu_wish import WHOLE, GpuWish, whole_gpus

_MOST_GPUS = 64
_MOST_KNOWN = 100_000
# The most frequent shapes of a trace are kept until they make up so much of it, as in the paper.
TYPICAL = 0.95


class Task(NamedTuple):
    """The shape of a task."""

    cpus: float
    thousandths: int = 0
    gpus: int = 0


class Best(NamedTuple):
    """How well a host suits an instance."""

    #: From 0 to 100; 50 if it leaves as much that no task can use as before.
    score: int
    #: The numbers of the GPUs that the score is for.
    gpus: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Tables:
    """What a GPU is worth to the tasks, by how many CPUs are free: the number of `levels` that are not above it.

    share[level][free] : the fraction of the tasks that run on a single GPU with so much free.
    whole[level][count] : the fraction of the tasks with several GPUs that run where so many are wholly free.
    """

    levels: Sequence[float]
    share: Sequence[Sequence[float]]
    whole: Sequence[Sequence[float]]


class TaskMix:
    """Shapes of tasks, and how often each comes."""

    def __init__(self, counts: Mapping[Task, float]) -> None:
        """counts : how many tasks of each shape there are."""
        total = sum(counts.values())
        #: What part of all tasks each shape is.
        self.tasks: Mapping[Task, float] = {task: count / total for task, count in counts.items()}
        self._tables = _tables(self.tasks)
        self._known: dict[tuple[Any, ...], Best] = {}

    @classmethod
    def of_tasks(cls, tasks: Iterable[Task]) -> TaskMix:
        """The mix of many tasks, of which rare shapes are left out."""
        return cls(_typical(Counter(tasks)))

    @classmethod
    def read(cls, path: str | Path) -> TaskMix:
        """The mix in a JSON file: a list of `{"cpus": 4, "gpus": 1, "thousandths": 500, "count": 12}`.

        Raises ConfigurationError.
        """
        try:
            rows = json.loads(Path(path).read_text(encoding="utf-8"))
            counts = {_task(row): float(row["count"]) for row in rows}
            if not counts or not all(0 < count < math.inf for count in counts.values()):
                raise ValueError("it must list tasks, each with a count above 0")
            return cls(counts)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
            said = f"[gpu_sharing] task_mix: {str(path)!r} is no list of tasks: {problem!r}"
            raise ConfigurationError(said, group="gpu_sharing", option="task_mix", value=str(path)) from None

    def fragments(self, cpus_free: float, free: Sequence[int]) -> float:
        """Thousandths of free GPUs that a task cannot use, on average over the tasks."""
        return self._fragments(self._level(cpus_free), tuple(free))

    def best(self, cpus_free: float, free: Sequence[int], cpus: float, wish: GpuWish) -> Best:
        """The score of a host for an instance, and the GPUs for it: the first of those that leave the fewest fragments.

        A host without room has the score 0 and no GPUs.
        """
        # Many hosts are alike in this, since CPUs count by the level that they reach.
        alike = (self._level(cpus_free), self._level(cpus_free - cpus), tuple(free), wish.count, wish.thousandths)
        found = self._known.get(alike)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[alike] = self._best(*alike)
        return found

    def _best(self, level: int, level_after: int, free: tuple[int, ...], count: int, thousandths: int) -> Best:
        before = self._fragments(level, free)
        if count != 1 or thousandths == WHOLE:
            gpus = whole_gpus(free, count)
            if len(gpus) < count:
                return Best(0, ())
            left = tuple(0 if at in gpus else amount for at, amount in enumerate(free))
            return Best(_score(before - self._fragments(level_after, left)), gpus)
        best = Best(-1, ())
        for at, amount in enumerate(free):
            # Of GPUs with as much free, the first one is as good as the others.
            if amount >= thousandths and amount not in free[:at]:
                left = (*free[:at], amount - thousandths, *free[at + 1 :])
                score = _score(before - self._fragments(level_after, left))
                best = Best(score, (at,)) if score > best.score else best
        return best if best.gpus else Best(0, ())

    def _level(self, cpus_free: float) -> int:
        return bisect_right(self._tables.levels, cpus_free)

    def _fragments(self, level: int, free: tuple[int, ...]) -> float:
        share = self._tables.share[level]
        whole = free.count(WHOLE)
        usable = sum([share[amount] * amount for amount in free]) + whole * WHOLE * self._tables.whole[level][whole]
        return sum(free) - usable


def _score(gained: float) -> int:
    return int(100 / (1 + math.exp(-gained / WHOLE)))


def _task(row: Mapping[str, Any]) -> Task:
    gpus = int(row.get("gpus", 0))
    task = Task(float(row["cpus"]), int(row.get("thousandths", WHOLE)) if gpus else 0, gpus)
    shares_one = gpus == 1 and 0 < task.thousandths <= WHOLE
    if not (shares_one or (0 <= gpus <= _MOST_GPUS and task.thousandths == (WHOLE if gpus else 0))):
        raise ValueError(f"no instance can be {dict(row)!r}")
    return task


def _typical(counts: Mapping[Task, float]) -> dict[Task, float]:
    """The most frequent shapes; of two as frequent, the larger one goes first."""
    kept: dict[Task, float] = {}
    for task, count in sorted(counts.items(), key=lambda one: (one[1], one[0]), reverse=True):
        if sum(kept.values()) >= TYPICAL * sum(counts.values()):
            break
        kept[task] = count
    return kept


def _tables(tasks: Mapping[Task, float]) -> _Tables:
    levels = sorted({task.cpus for task in tasks})
    share = np.zeros((len(levels) + 1, WHOLE + 1))
    whole = np.zeros((len(levels) + 1, _MOST_GPUS + 1))
    for task, fraction in tasks.items():
        # On a level above its own, a task has the CPUs that it needs.
        above = levels.index(task.cpus) + 1
        if task.gpus == 1:
            share[above:, task.thousandths :] += fraction
        elif task.gpus:
            whole[above:, task.gpus :] += fraction
    return _Tables(levels, share.tolist(), whole.tolist())


#: The mix of a cluster about which nothing is known.
NO_TASKS = TaskMix({})
