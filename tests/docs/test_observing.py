"""The page about metrics names every metric with its type and labels."""

import re
from pathlib import Path

from filtersched.schedulers.metrics import FAMILIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "observing.md"


def test_page_lists_every_metric_with_type_and_labels():
    rows = re.findall(r"^\| (`filtersched_[^|]+) \| (\w+) \| ([^|]*)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
        for names, kind, labels in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    served = {f"{name}_total" if kind == "counter" else name: (kind, labels) for kind, name, _help, labels in FAMILIES}
    assert {name: one for name, one in listed.items() if name in served} == served
