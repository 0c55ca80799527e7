"""What happens when a plug-in misbehaves: docs/ovirt_plugins.md has a table of this, a test for each cell."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

HEADER = '''
import ctypes, os, subprocess, sys, time

def misbehave(hosts, vm, args):
    {body}

class Alone:
    def do_filter(self, hosts, vm, args):
        return misbehave(hosts, vm, args)
    def do_score(self, hosts, vm, args):
        return misbehave(hosts, vm, args)
    def do_balance(self, hosts, args):
        return misbehave(hosts, "", args)
'''
GOOD = '''
class Good:
    def do_filter(self, hosts, vm, args):
        return hosts[:2]
    def do_score(self, hosts, vm, args):
        return [(host, 5) for host in hosts]
    def do_balance(self, hosts, args):
        return "33333333-3333-4333-8333-333333333333", hosts
'''
# What the plug-in does -> what plugin_errors says of it.
MISDEEDS = {
    "raises": ("raise ValueError('no luck')", "ValueError: no luck"),
    "prints garbage": ("print('garbage [[[')", "printed something that is no Python literal"),
    "answers the wrong type": ("return 42", "answered 42"),
    "answers a nested list": ("return [[hosts]]", "answered"),
    "answers nothing": ("pass", "gave no answer"),
    "writes to stderr only": ("print('oh dear', file=sys.stderr)", "gave no answer.*oh dear"),
    "hangs": ("time.sleep(60)", "gave no answer within 1 s"),
    "spins": ("\n    while True: pass", "gave no answer within 1 s"),
    "exits": ("sys.exit(3)", "exited with 3"),
    "dies": ("os._exit(3)", r"ended the process \(exit status 3\)"),
    "crashes": ("ctypes.string_at(0)", "signal 11"),
    "leaves a process behind": ("subprocess.Popen(['sleep', '600']); return hosts", "left a process behind"),
    "hides a process": ("subprocess.call('setsid sleep 600 &', shell=True); return hosts", "left a process behind"),
    "fork bomb": ("\n    while True: os.fork()", "gave no answer|left a process|BlockingIOError|ended the process"),
    "eats memory": ("x = []\n    while True: x.append('x' * 10**7)", "MemoryError"),
    "floods its output": ("\n    while True: print('x' * 100000)", "printed more than 1000000 bytes"),
    "floods stderr": ("\n    while True: os.write(2, b'x' * 100000)", "printed more than 1000000 bytes"),
    "floods the answer": ("return ['x' * 2000000]", "answered with more than 1000000 bytes"),
    "closes everything": ("os.closerange(0, 100); return hosts", "ended the process"),
    "stops itself": ("os.kill(os.getpid(), 19)", "gave no answer within 1 s"),
    "writes to our socket": (
        "\n    for fd in range(3, 64):\n        try: os.write(fd, b'x' * 64)\n        except OSError: pass\n"
        "    return hosts",
        "answered with something that cannot be read",
    ),
    "recurses": ("return misbehave(hosts, vm, args)", "RecursionError"),
    "answers in a circle": ("x = []; x.append(x); return x", "ValueError: Circular"),
    "answers without end": (
        "\n    def forever():\n        while True: yield 'x' * 10**6 + str(vm)\n    return forever()",
        "MemoryError",
    ),
    "raises what cannot be read": (
        "\n    class Odd(BaseException):\n        def __str__(self): raise Odd()\n    raise Odd()",
        "Odd: its text cannot be read",
    ),
}
# Those that answer nothing until their time is up.
ENDLESS = ("hangs", "spins", "stops itself", "fork bomb")

# A name -> what the cost function answers, the scores of the first two hosts, what the log says of it.
ODD_SCORES = {
    "float": ("[(hosts[0], 2.5), (hosts[1], 3.0)]", [2, 3], "1 scores are no whole numbers and are rounded"),
    "nan": ("[(hosts[0], float('nan')), (hosts[1], 4)]", [4, 4], "1 scores are no numbers, such as nan"),
    "infinite": ("[(hosts[0], float('inf')), (hosts[1], 1)]", [2**31 - 1, 1], "rounded"),
    "text": ("[(hosts[0], '5'), (hosts[1], 4)]", [4, 4], "such as '5'"),
    "large": ("[(hosts[0], -10**30), (hosts[1], 1)]", [-(2**31), 1], "32 bits"),
    "missing": ("[(hosts[0], 7)]", [7, 7], "5 of 6 hosts have no score and get 7, the worst"),
    "unasked": ("[(hosts[0], 3), (hosts[1], 2), ('x', 1)]", [3, 2], "1 ids that are not in the call, such as 'x'"),
}


def bad(misdeed: str) -> str:
    return HEADER.replace("{body}", MISDEEDS[misdeed][0]).replace("Alone", unit(misdeed))


CONF = {"max_plugin_output_bytes": "1000000", "plugin_memory_mb": "64"}


@pytest.fixture(scope="module")
def patient(start_for_module):
    """A daemon that gives plug-ins all the time that a busy machine may need."""
    plugins = {"good.py": GOOD, **{f"{unit(misdeed).lower()}.py": bad(misdeed) for misdeed in MISDEEDS}}
    plugins["none.py"] = "def do_score(hosts, vm, args):\n    return [(hosts[0], None)]\n"
    plugins["huge.py"] = "def do_score(hosts, vm, args):\n    return [(hosts[0], 10**5000)]\n"
    for case, (answer, _result, _said) in ODD_SCORES.items():
        plugins[f"odd_{case}.py"] = f"def do_score(hosts, vm, args):\n    return {answer}\n"
    return start_for_module(plugins, CONF)


@pytest.fixture(scope="module")
def impatient(start_for_module, until):
    """One for plug-ins that never answer. A file that a busy machine could not load in that time is written anew."""
    plugins = {"good.py": GOOD, **{f"{unit(misdeed).lower()}.py": bad(misdeed) for misdeed in ENDLESS}}
    daemon = start_for_module(plugins, {**CONF, "plugin_timeout": "1"})

    def has_all() -> bool:
        found = {f"{name.lower()}.py" for name in daemon.proxy.discover()["filters"]}
        for name in plugins.keys() - found:
            daemon.write(name, plugins[name])
        return found >= plugins.keys()

    until(has_all)
    return daemon


@pytest.fixture
def daemon(request, patient):
    misdeed = request.node.callspec.params.get("misdeed") if hasattr(request.node, "callspec") else None
    return request.getfixturevalue("impatient") if misdeed in ENDLESS else patient


def ask(method, *arguments):
    """The answer to a call; if the good plug-in was too slow, on a busy machine, the answer to the next."""
    for _try in range(20):
        answer = method(*arguments)
        if "Good" not in answer.get("plugin_errors", {}):
            break
    return answer


def unit(misdeed: str) -> str:
    return f"Bad{list(MISDEEDS).index(misdeed)}" if misdeed in MISDEEDS else "NoSuch"


def check_report(answer, misdeed):
    assert answer["result_code"] == 1
    assert list(answer["plugin_errors"]) == [unit(misdeed)]
    (said,) = answer["plugin_errors"][unit(misdeed)]
    expected = MISDEEDS[misdeed][1] if misdeed in MISDEEDS else "plugin not found: 'NoSuch'"
    assert re.search(expected, said), said


# The rows of the table in docs/ovirt_plugins.md; each of its cells is a test below.
TABLE = [
    "raises",
    "prints garbage",
    "answers the wrong type",
    "answers nothing",
    "writes to stderr only",
    "exits",
    "dies",
    "hangs",
    "leaves a process behind",
    "eats memory",
    "floods its output",
    "is not there",
]


def test_the_table_in_the_documentation_has_these_rows():
    text = (Path(__file__).parents[2] / "docs" / "ovirt_plugins.md").read_text()
    rows = re.findall(r"^\| (.+?) \| left out \| all hosts pass \| left out \| nothing to move", text, re.MULTILINE)
    assert rows == TABLE


@pytest.mark.parametrize("misdeed", [*MISDEEDS, "is not there"])
def test_a_filter_that_misbehaves_beside_others_is_left_out(daemon, hosts, vm, misdeed):
    answer = ask(daemon.proxy.runFilters, [unit(misdeed), "Good"], hosts, vm, {})
    assert answer["result"] == hosts[:2]
    check_report(answer, misdeed)
    assert "errors" not in answer


@pytest.mark.parametrize("misdeed", TABLE)
def test_a_filter_that_misbehaves_alone_lets_all_hosts_pass(daemon, hosts, vm, misdeed):
    answer = daemon.proxy.runFilters([unit(misdeed)], hosts, vm, {})
    assert answer["result"] == hosts
    assert answer["errors"] == ["all filters failed"]
    check_report(answer, misdeed)


@pytest.mark.parametrize("misdeed", [*TABLE, "answers a nested list"])
def test_a_cost_function_that_misbehaves_is_left_out(daemon, hosts, vm, misdeed):
    answer = ask(daemon.proxy.runCostFunctions, [[unit(misdeed), 2], ["Good", 2]], hosts, vm, {})
    assert answer["result"] == [[host, 5, "Good"] for host in hosts]
    check_report(answer, misdeed)


@pytest.mark.parametrize("misdeed", [misdeed for misdeed in TABLE if misdeed != "answers nothing"])
def test_a_balancer_that_misbehaves_moves_nothing(daemon, hosts, misdeed):
    answer = daemon.proxy.runLoadBalancing(unit(misdeed), hosts, {})
    assert answer["result"] == ["", []]
    check_report(answer, misdeed)


def test_a_balancer_that_answers_nothing_has_nothing_to_move(daemon, hosts):
    answer = daemon.proxy.runLoadBalancing(unit("answers nothing"), hosts, {})
    assert answer == {"result_code": 0, "result": ["", []]}


def test_the_call_after_a_misdeed_finds_a_fresh_worker(start, hosts, vm):
    plugin = '''
        import os
        KEEP_ALIVE = True
        calls = []
        class Moody:
            def do_filter(self, hosts, vm, args):
                calls.append(vm)
                if args: os._exit(1)
                return hosts[: len(calls)]
    '''
    daemon = start({"moody.py": plugin})
    proxy = daemon.proxy
    assert proxy.runFilters(["Moody"], hosts, vm, {})["result"] == hosts[:1]
    assert proxy.runFilters(["Moody"], hosts, vm, {})["result"] == hosts[:2]
    assert proxy.runFilters(["Moody"], hosts, vm, {"die": "1"})["result_code"] == 1
    assert proxy.runFilters(["Moody"], hosts, vm, {})["result"] == hosts[:1]


@pytest.mark.parametrize("misdeed", ["leaves a process behind", "hides a process", "fork bomb"])
def test_what_a_plugin_started_is_ended_with_its_worker(daemon, hosts, vm, until, misdeed):
    daemon.proxy.runFilters([unit(misdeed)], hosts, vm, {})
    # Fork servers and their workers run fork_server; whatever else carries their mark was started by a plug-in.
    assert until(lambda: all("fork_server" in command(pid) for pid in daemon.processes()))
    assert until(lambda: len(daemon.processes()) <= 2 * len(daemon.plugin_files))


def test_a_plugin_that_kills_its_parent_leaves_no_process_of_others(start, hosts, vm, until):
    forks = """
        import os, time
        def do_filter(hosts, vm, args):
            if os.path.exists("begun"):
                return hosts  # asked again, since its processes died
            if os.fork() == 0:
                os.setsid()
            open("begun", "w").close()
            time.sleep(600)
    """
    kills = "import os\ndef do_filter(hosts, vm, args): os.kill(os.getppid(), 9)\n"
    good = "def do_filter(hosts, vm, args): return hosts[:1]\n"
    daemon = start({"forks.py": forks, "kills.py": kills, "good.py": good})
    caller = threading.Thread(target=daemon.proxy.runFilters, args=(["forks"], hosts, vm, {}))
    caller.start()
    until((daemon.plugins / "begun").exists)
    daemon.proxy.runFilters(["kills"], hosts, vm, {})
    caller.join(60)
    assert until(lambda: daemon.proxy.runFilters(["good"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]})
    assert until(lambda: len(daemon.processes()) <= 3)


def test_a_worker_holds_no_socket_of_others(start, hosts, vm):
    kept = "KEEP_ALIVE = True\ndef do_filter(hosts, vm, args): return hosts\n"
    counts = """
        import os, stat
        def do_filter(hosts, vm, args):
            found = []
            for fd in range(3, 100):
                try: found.append(stat.S_ISSOCK(os.fstat(fd).st_mode))
                except OSError: pass
            return hosts[:sum(found)]
    """
    daemon = start({"kept.py": kept, "counts.py": counts})
    for _call in range(2):
        assert daemon.proxy.runFilters(["kept", "counts"], hosts, vm, {})["result"] == hosts[:1]


def test_the_imports_of_one_plugin_take_no_memory_from_another(start, hosts, vm):
    heavy = "import numpy\ndef do_filter(hosts, vm, args): return hosts\n"
    large = """
        def do_filter(hosts, vm, args):
            taken = bytearray(58 << 20)
            return hosts[:1]
    """
    daemon = start({"heavy.py": heavy, "large.py": large}, {"plugin_memory_mb": "64"})
    for _call in range(2):
        answer = daemon.proxy.runFilters(["large"], hosts, vm, {})
        assert answer == {"result_code": 0, "result": hosts[:1]}


def test_a_stderr_that_was_wound_far_ahead_is_read_to_its_bound_only(start, hosts, vm):
    plugin = "import os\ndef do_filter(hosts, vm, args):\n    os.lseek(2, 10**15, 0)\n    return hosts[:1]\n"
    answer = start({"far.py": plugin}, {"max_plugin_output_bytes": "4096"}).proxy.runFilters(["far"], hosts, vm, {})
    assert answer == {"result_code": 0, "result": hosts[:1]}


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "fork_server, gone"


def test_stderr_is_logged_and_does_not_fail_a_unit_that_answers(start, hosts, vm):
    plugin = '''
        import sys
        def do_filter(hosts, vm, args):
            print("minding my business", file=sys.stderr)
            return hosts[:1]
    '''
    daemon = start({"chatty.py": plugin})
    assert daemon.proxy.runFilters(["chatty"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}
    start = daemon.wait_for_line(r"chatty \(.*chatty\.py\) on stderr:")
    daemon.wait_for("^    minding my business$", start=start)


def test_a_plugin_that_prints_and_exits_well_has_answered(start, hosts, vm):
    plugin = "import sys\ndef do_filter(hosts, vm, args):\n    print(hosts[:1])\n    sys.exit(0)\n"
    daemon = start({"leaver.py": plugin})
    assert daemon.proxy.runFilters(["leaver"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}


def test_a_child_that_ends_before_the_answer_is_fine_and_may_print_it(start, hosts, vm):
    plugin = '''
        import subprocess
        def do_filter(hosts, vm, args):
            subprocess.run(["echo", repr(hosts[:1])])
    '''
    daemon = start({"parent.py": plugin})
    assert daemon.proxy.runFilters(["parent"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}


def test_a_forked_copy_of_a_plugin_answers_nothing(start, hosts, vm):
    plugin = """
        import os
        def do_filter(hosts, vm, args):
            if child := os.fork():
                os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
            return hosts[:1]
    """
    daemon = start({"fork.py": plugin})
    proxy = daemon.proxy
    for _call in range(3):
        assert proxy.runFilters(["fork"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:1]}


@pytest.mark.parametrize("case", ODD_SCORES)
def test_scores_that_the_engine_could_not_read_are_repaired_and_logged(daemon, hosts, vm, case):
    _answer, result, said = ODD_SCORES[case]
    start = len(daemon.lines)
    struct = daemon.proxy.runCostFunctions([[f"odd_{case}", 1]], hosts, vm, {})
    assert struct["result"][:2] == [[host, score, f"odd_{case}"] for host, score in zip(hosts, result, strict=False)]
    assert [host for host, _score, _unit in struct["result"]] == hosts
    assert struct["result_code"] == 0
    daemon.wait_for(re.escape(said), start=start)


def test_a_true_score_is_one(start, hosts, vm):
    proxy = start({"odd.py": "def do_score(hosts, vm, args):\n    return [(hosts[0], True)]\n"}).proxy
    assert proxy.runCostFunctions([["odd", 1]], hosts[:1], vm, {})["result"] == [[hosts[0], 1, "odd"]]


@pytest.mark.parametrize(("case", "said"), [("none", "no score that can be used: 1 scores are no numbers")])
def test_a_cost_function_without_one_usable_score_is_reported(daemon, hosts, vm, case, said):
    struct = daemon.proxy.runCostFunctions([[case, 1]], hosts, vm, {})
    assert struct["result"] == [[host, 1000, case] for host in hosts]
    assert (struct["result_code"], said in struct["plugin_errors"][case][0]) == (1, True)


def test_a_score_too_long_to_be_written_is_a_failure(daemon, hosts, vm):
    struct = daemon.proxy.runCostFunctions([["huge", 1]], hosts, vm, {})
    assert (struct["result_code"], struct["result"]) == (1, [])
    assert "ValueError" in struct["plugin_errors"]["huge"][0]


def test_ids_not_asked_for_are_dropped(start, hosts, vm):
    plugin = '''
        def do_filter(hosts, vm, args): return ["x", hosts[0], "<b>", ""]
        def do_score(hosts, vm, args): return [("x", 1), (hosts[0], 2), (hosts[0], 3)]
        def do_balance(hosts, args): return ("33333333-3333-4333-8333-333333333333", ["x", hosts[1], hosts[0]])
    '''
    proxy = start({"more.py": plugin}).proxy
    assert proxy.runFilters(["more"], hosts, vm, {}) == {"result_code": 0, "result": [hosts[0]]}
    scored = {"result_code": 0, "result": [[host, 5, "more"] for host in hosts]}
    assert proxy.runCostFunctions([["more", 1]], hosts, vm, {}) == scored
    assert proxy.runLoadBalancing("more", hosts, {}) == {"result_code": 0, "result": [vm, [hosts[0], hosts[1]]]}


@pytest.mark.parametrize("ids", ["['host1', 'host2']", "[host.upper() for host in hosts]", "'\xff\xfe'"])
def test_a_filter_that_answers_only_with_ids_not_asked_for_has_failed(start, hosts, vm, ids):
    daemon = start({"names.py": f"def do_filter(hosts, vm, args):\n    return list({ids})\n"})
    answer = daemon.proxy.runFilters(["names"], hosts, vm, {})
    assert (answer["result_code"], answer["result"]) == (1, hosts)
    assert "ids that are not in the call, such as" in answer["plugin_errors"]["names"][0]


def test_printed_bytes_that_are_no_utf8_do_not_vanish(start, hosts, vm):
    plugin = r"""
        import os
        def do_filter(hosts, vm, args):
            os.write(1, b"['\xff\xfe']")
    """
    answer = start({"bytes.py": plugin}).proxy.runFilters(["bytes"], hosts, vm, {})
    assert "1 ids that are not in the call" in answer["plugin_errors"]["bytes"][0]


def test_ids_not_asked_for_beside_others_are_one_line_in_the_log(start, hosts, vm):
    daemon = start({"more.py": "def do_filter(hosts, vm, args):\n    return ['x', 'y', 'z', hosts[0]]\n"})
    assert daemon.proxy.runFilters(["more"], hosts, vm, {}) == {"result_code": 0, "result": [hosts[0]]}
    daemon.wait_for("filters 'more': 3 ids that are not in the call, such as 'x' are left out")


def test_a_vm_id_that_the_engine_could_not_parse_is_not_sent(start, hosts):
    proxy = start({"odd.py": "def do_balance(hosts, args): return ('vm-1', hosts)\n"}).proxy
    answer = proxy.runLoadBalancing("odd", hosts, {})
    assert answer["result"] == ["", []]
    assert answer["plugin_errors"] == {"odd": ["answered VM 'vm-1', which is no UUID"]}


def test_with_fail_one_broken_filter_leaves_no_host(start, hosts, vm):
    daemon = start({"good.py": GOOD, "bad.py": HEADER.replace("{body}", "raise ValueError('no')")},
                   {"on_plugin_error": "fail"})
    proxy = daemon.proxy
    answer = proxy.runFilters(["Good", "Alone"], hosts, vm, {})
    assert (answer["result"], answer["result_code"]) == ([], 1)
    scores = proxy.runCostFunctions([["Good", 1], ["Alone", 1]], hosts, vm, {})
    assert (scores["result"], scores["result_code"]) == ([], 1)
    assert proxy.runFilters(["Good"], hosts, vm, {}) == {"result_code": 0, "result": hosts[:2]}


def test_files_that_misbehave_at_import_are_left_out_and_reported(start):
    sources = {
        "leaves.py": ("import sys; sys.exit(0)", "the file ends the program when imported"),
        "dies.py": ("import os; os._exit(0)", r"ended the process \(exit status 0\)"),
        "needs.py": ("import no_such_module", "ModuleNotFoundError"),
        "eats.py": ("x = []\nwhile True: x.append('x' * 10**7)", "MemoryError"),
        "floods.py": ("while True: print('x' * 10**6)", "printed more than"),
        "nul.py": ("\x00", "SyntaxError|ValueError"),
        "coding.py": ("# coding: klingon", "SyntaxError"),
        "syntax.py": ("(", "SyntaxError"),
    }
    plugins = {"good.py": GOOD, **{name: source for name, (source, _why) in sources.items()}}
    daemon = start(plugins, {"plugin_memory_mb": "64"})
    assert list(daemon.proxy.discover()["filters"]) == ["Good"]
    for name, (_source, why) in sources.items():
        daemon.wait_for(rf"{name} is left out: .*({why})")


def test_a_file_that_hangs_at_import_is_left_out_and_reported(start):
    daemon = start({"sleepy.py": "import time; time.sleep(600)"}, {"plugin_timeout": "1"})
    assert daemon.proxy.discover()["filters"] == {}
    daemon.wait_for(r"sleepy.py is left out: .*gave no answer within 1 s")


def test_units_of_one_name_in_two_files_are_reported(start):
    daemon = start({"a.py": GOOD, "b.py": GOOD})
    assert list(daemon.proxy.discover()["filters"]) == ["Good"]
    daemon.wait_for(r"unit 'Good' of .*b\.py is left out: .*a\.py has one of that name")


def test_properties_that_the_engine_would_refuse_leave_the_unit_out(start):
    plugin = "class A:\n    properties_validation = 'no regex'\n    def do_filter(self, hosts, vm, args): pass\n"
    daemon = start({"a.py": plugin})
    assert daemon.proxy.discover()["filters"] == {}
    daemon.wait_for("unit 'A' of .* is left out, since the engine would refuse its properties 'no regex'")
