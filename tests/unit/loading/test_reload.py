"""A module that was edited: reload it, and make a new scheduler."""

import importlib
import sys

import pytest

from filtersched import FilterScheduler, HostState, RequestSpec, make_conf

BODY = """
from filtersched import BaseHostFilter


class OneHostFilter(BaseHostFilter):
    host_reads = ("host",)

    def host_passes(self, host_state, spec):
        return host_state.host == {host!r}
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "edited_filters.py"
    path.write_text(BODY.format(host="a"))
    yield path
    sys.modules.pop("edited_filters", None)


def chosen(scheduler):
    return scheduler.select_destinations(RequestSpec(), [HostState("a"), HostState("b")])[0].host


@pytest.mark.parametrize("by_name", [True, False], ids=["class path", "class"])
def test_new_scheduler_uses_what_was_reloaded_and_the_old_one_what_it_had(module, by_name):
    import edited_filters

    def scheduler():
        if not by_name:
            return FilterScheduler(filters=[edited_filters.OneHostFilter], weighers=[])
        path = "edited_filters.OneHostFilter"
        return FilterScheduler(make_conf(available_filters=[path], enabled_filters=["OneHostFilter"]))

    old = scheduler()
    assert chosen(old) == "a"
    module.write_text(BODY.format(host="b"))
    importlib.invalidate_caches()
    importlib.reload(edited_filters)
    assert (chosen(scheduler()), chosen(old)) == ("b", "a")
