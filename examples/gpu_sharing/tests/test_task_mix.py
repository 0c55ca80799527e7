"""Fragments are those of the paper's definition, said again task by task."""

from __future__ import annotations

import math
from random import Random

import pytest
from gpu_sharing.gpu_wish import GpuWish
from gpu_sharing.task_mix import Task, TaskMix

from filtersched import ConfigurationError

TASKS = {
    Task(4, 500, 1): 6,
    Task(2, 300, 1): 5,
    Task(8, 1000, 1): 3,
    Task(16, 1000, 2): 2,
    Task(32, 1000, 8): 1,
    Task(8): 3,
}


def fragments(tasks, cpus_free, free):
    """What is free and of no use to a task, on average: all of it where the task cannot run."""
    total = sum(tasks.values())
    found = 0.0
    for task, count in tasks.items():
        usable = [amount for amount in free if amount >= task.thousandths] if task.gpus else []
        runs = task.gpus and len(usable) >= task.gpus and cpus_free >= task.cpus
        found += count / total * (sum(free) - (sum(usable) if runs else 0))
    return found


def test_fragments_are_those_of_the_definition():
    mix, chance = TaskMix(TASKS), Random(1)
    for _ in range(500):
        free = [chance.choice((0, 200, 300, 499, 500, 700, 999, 1000)) for _ in range(chance.randrange(9))]
        cpus = chance.choice((0, 1, 2, 3, 4, 8, 15, 16, 40))
        assert mix.fragments(cpus, free) == pytest.approx(fragments(TASKS, cpus, free))


def test_best_gpu_is_the_first_of_those_with_the_best_score():
    mix, chance = TaskMix(TASKS), Random(2)
    for _ in range(300):
        free = [chance.choice((0, 200, 300, 499, 500, 700, 999, 1000)) for _ in range(chance.randrange(1, 9))]
        cpus, thousandths = chance.choice((4, 8, 16, 40)), chance.choice((200, 300, 500))
        before = fragments(TASKS, cpus, free)
        scores = {}
        for at, amount in enumerate(free):
            if amount >= thousandths:
                left = [*free[:at], amount - thousandths, *free[at + 1 :]]
                gained = before - fragments(TASKS, cpus - 2, left)
                scores[at] = math.floor(100 / (1 + math.exp(-gained / 1000)) + 1e-9)
        found = mix.best(cpus, free, 2, GpuWish(1, thousandths))
        expected = max(scores, key=lambda at: (scores[at], -at), default=None)
        assert found.gpus == (() if expected is None else (expected,))


def test_most_frequent_shapes_of_a_trace_are_kept_until_they_make_up_95_percent():
    counts = {Task(1, 500, 1): 60, Task(2, 500, 1): 30, Task(3): 5, Task(4): 4, Task(5): 1}
    mix = TaskMix.of_tasks(task for task, count in counts.items() for _ in range(count))
    assert mix.tasks == {Task(1, 500, 1): 60 / 95, Task(2, 500, 1): 30 / 95, Task(3): 5 / 95}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "5",
        '[{"cpus": 1}]',
        '[{"cpus": 1, "count": 0}]',
        '[{"cpus": 1, "gpus": 2, "thousandths": 500, "count": 1}]',
        '[{"cpus": 1, "gpus": 1, "thousandths": 1001, "count": 1}]',
        '[{"cpus": "x", "count": 1}]',
        "[[1]]",
    ],
)
def test_file_that_is_no_list_of_tasks_is_refused_by_name(tmp_path, text):
    path = tmp_path / "tasks.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"tasks\.json") as caught:
        TaskMix.read(path)
    assert (caught.value.group, caught.value.option) == ("gpu_sharing", "task_mix")


def test_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.json"):
        TaskMix.read(tmp_path / "none.json")
