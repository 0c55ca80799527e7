"""What a plug-in file offers, and which of its units no call can reach."""

from __future__ import annotations

import types

import pytest

from filtersched.ovirt.worker import offers


def problems(source: str) -> list[str]:
    module = types.ModuleType("plugin")
    exec(source, module.__dict__)
    found = list(offers(module, "plugin"))
    assert found
    return [offer["problem"] for offer in found if offer["problem"] is not None]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("class A:\n def do_filter(self, hosts, vm): pass", "Write def do_filter(self, hosts, vm, args)."),
        ("class A:\n def do_filter(hosts, vm, args): pass", "A.do_filter cannot be called with (hosts, vm, args)"),
        ("class A:\n def do_score(self, a, b, c, d): pass", "Write def do_score(self, hosts, vm, args)."),
        ("class A:\n def do_balance(self, hosts, vm, args): pass", "Write def do_balance(self, hosts, args)."),
        ("class A:\n @staticmethod\n def do_filter(s, hosts, vm, args): pass", "Write def do_filter(hosts, vm, args)."),
        ("class A:\n @classmethod\n def do_filter(hosts, vm, args): pass", "A.do_filter cannot be called"),
        ("class A:\n def do_filter(self, hosts, vm, *, args): pass", "cannot be called"),
        ("def filterFunction(hosts, vm): pass", "Write def filterFunction(hosts, vm, args)."),
        ("def balanceFunction(hosts, vm, args): pass", "Write def balanceFunction(hosts, args)."),
        ("async def do_filter(hosts, vm, args): pass", "do_filter is a coroutine"),
        ("class A:\n async def do_score(self, hosts, vm, args): pass", "A.do_score is a coroutine"),
        ("class A:\n def __init__(self, x): pass\n def do_balance(self, h, a): pass", "A.__init__ needs arguments"),
        (
            "class B:\n def do_balance(self, h, a): pass\nclass A(B):\n def __init__(self, x): pass",
            "A.__init__ needs arguments",
        ),
    ],
)
def test_a_unit_that_cannot_be_called_is_named(source, said):
    (problem,) = problems(source)
    assert said.rstrip(".") in problem


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n def do_filter(self, hosts, vm, args): pass",
        "class A:\n def do_filter(self, h, v, a, more=1): pass",
        "class A:\n def do_filter(self, *everything): pass",
        "class A:\n def do_filter(*everything): pass",
        "class A:\n def do_filter(self, hosts, vm, args, **more): pass",
        "class A:\n @staticmethod\n def do_filter(hosts, vm, args): pass",
        "def decorated(f): return lambda *given: f()\nclass A:\n @decorated\n def do_filter(self): pass",
        "class A:\n def __init__(self, x=1): pass\n def do_balance(self, h, a): pass",
        "class A:\n def __init__(self, x): pass\n def other(self): pass\ndef do_balance(hosts, args): pass",
        "def do_balance(hosts, args): pass",
        "class A:\n do_filter = print",
        "import functools\nclass A:\n do_filter = functools.partial(print, 1)",
    ],
)
def test_a_unit_that_can_be_called_is_fine(source):
    assert problems(source) == []


@pytest.mark.parametrize("value", ["5", "{'a': '.*'}", "['a=.*']", "None"])
def test_properties_that_are_no_text_are_named(value):
    source = f"class A:\n properties_validation = {value}\n def do_balance(self, hosts, args): pass\n"
    assert problems(source) == ["properties_validation must be a str"]


def test_a_unit_that_no_call_can_reach_is_left_out_and_reported(start):
    plugin = "class A:\n def do_filter(self, hosts): return hosts\n def do_score(self, hosts, vm, args): return []\n"
    daemon = start({"a.py": plugin})
    assert daemon.proxy.discover() == {"filters": {}, "scores": {"A": ["", ""]}, "balance": {}}
    daemon.wait_for(r"unit 'A' of .*a\.py is left out: A\.do_filter cannot be called with \(hosts, vm, args\)")


def test_an_edit_after_which_a_unit_cannot_be_called_leaves_the_last_good_version(start, hosts, vm):
    daemon = start({"a.py": "def do_filter(hosts, vm, args): return hosts[:1]\n"})
    daemon.write("a.py", "def do_filter(hosts, vm): return hosts\n")
    answer = daemon.proxy.runFilters(["a"], hosts, vm, {})
    assert (answer["result_code"], answer["result"]) == (1, hosts[:1])
    assert "Write def do_filter(hosts, vm, args). Its last good version answers" in answer["plugin_errors"]["a"][0]


@pytest.mark.parametrize("value", ["1", "'yes'"])
def test_a_request_to_be_kept_alive_that_is_no_bool_is_reported(start, value):
    daemon = start({"a.py": f"KEEP_ALIVE = {value}\ndef do_balance(hosts, args): pass\n"})
    daemon.wait_for(r"a\.py: KEEP_ALIVE has no effect: it must be a bool")
    assert list(daemon.proxy.discover()["balance"]) == ["a"]
