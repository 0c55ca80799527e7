"""`filtersched-proxy --check`, run as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """
class Reserved:
    '''Keep VMs off reserved hosts.'''
    properties_validation = "reserved=[0-9a-f,-]*"
    def do_filter(self, hosts, vm, args):
        return [host for host in hosts if host not in (args.get("reserved") or "").split(",")]
"""
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can read what the service cannot")
Check = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plugins = tmp_path / "plugged"
    plugins.mkdir()
    return plugins


@pytest.fixture
def check(tmp_path: Path, folder: Path) -> Check:
    """Write the plug-in files and the settings, and check them."""

    def run(files: dict[str, str], conf: str | None = None) -> subprocess.CompletedProcess[str]:
        for name, text in files.items():
            (folder / name).write_text(text)
        path = tmp_path / "scheduler.conf"
        path.write_text(f"plugins_path={folder}\nplugin_timeout=60\n" if conf is None else conf)
        command = [sys.executable, "-m", "filtersched.ovirt", "--check", "--config-file", str(path)]
        environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "OSCHEDPROXY_PLUGINS")}
        return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environ, check=False)

    return run


def said(checked: subprocess.CompletedProcess[str], kind: str) -> list[str]:
    lines = checked.stderr.splitlines()
    return [line.removeprefix(f"{kind}: ") for line in lines if line.startswith(f"{kind}: ")]


def test_a_good_configuration_ends_well_and_shows_what_the_engine_will_be_told(check, tmp_path):
    checked = check({"reserved.py": GOOD})
    assert said(checked, "problem") == []
    assert checked.returncode == 0
    assert checked.stdout == (
        f"configuration: {tmp_path}/scheduler.conf\n"
        "filters:\n"
        "  Reserved: Keep VMs off reserved hosts.  [reserved=[0-9a-f,-]*]\n"
        "filters: 1, cost functions: 0, balancers: 0. No problem.\n"
    )


def test_without_engine_url_a_note_says_what_that_means(check):
    notes = said(check({"reserved.py": GOOD}), "note")
    assert "Without engine_url plug-ins see ids only, and the library's filters and weighers are not offered." in notes


@pytest.mark.parametrize(
    ("conf", "summary"),
    [
        ("port=1\n", "Nothing to offer: no plug-in folder, no engine_url. No problem."),
        ("plugins_path={folder}\n", "Nothing to offer: no unit in {folder}, no engine_url. No problem."),
        ("plugins_path=/no/such\n", "Nothing to offer: no unit in /no/such, no engine_url. 1 problem."),
    ],
)
def test_where_there_is_nothing_to_offer_the_last_line_says_why(check, folder, conf, summary):
    checked = check({}, conf.format(folder=folder))
    assert checked.stdout.splitlines()[-1] == summary.format(folder=folder)
    assert checked.returncode == (0 if "No problem" in summary else 1)


def test_every_problem_is_printed_once_and_nothing_else_but_notes(check, folder):
    files = {
        "old.py": "import urllib2\nprint 'a'\n",
        "none.py": "X = 1\n",
        "wrong.py": "class Wrong:\n    def do_filter(self, h): return h\n    def do_score(self, h, v, a): pass\n",
        "Wrong.conf": "[x]\ncustomProperties=a=[0-9]\ndefaultValues=x\n",
        "lonely.conf": "customProperties=a=b\n",
    }
    checked = check(files, f"plugins_path={folder}\nplugin_timeot=3\n")
    lines = checked.stderr.splitlines()
    assert len(lines) == len(set(lines))
    assert {line.partition(": ")[0] for line in lines} == {"note", "problem"}
    problems = "\n".join(said(checked, "problem"))
    for piece in (
        "scheduler.conf: 'plugin_timeot' is not a key of filtersched-proxy. Did you mean 'plugin_timeout'",
        "none.py is left out: it has none of do_filter",
        "old.py is left out: SyntaxError",
        "old.py, line 1: urllib2 is Python 2.",
        "Wrong.do_filter cannot be called",
        "Wrong.conf, line 1: '[x]' is a section header",
        "lonely.conf belongs to no unit",
        "property 'a' has the default 'x', which its own pattern '[0-9]' refuses",
    ):
        assert problems.count(piece) == 1, piece
    assert checked.stdout.endswith("8 problems.\n")
    assert checked.returncode == 1


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "class A:\n def __init__(self, x): pass\n def do_filter(self, hosts, vm, args): return hosts\n",
            "A.__init__ needs arguments, and a plug-in class is made without any.",
        ),
        ("class A:\n def do_filter(self, h): return h\n", "A.do_filter cannot be called with (hosts, vm, args)."),
        ("def do_balance(hosts, vm, args): pass\n", "do_balance cannot be called with (hosts, args)."),
        ("class A:\n async def do_score(self, hosts, vm, args): return []\n", "A.do_score is a coroutine"),
        ("async def do_balance(hosts, args): pass\n", "do_balance is a coroutine"),
    ],
)
def test_a_unit_that_cannot_be_called_is_a_problem_that_says_what_to_write(check, source, problem):
    checked = check({"a.py": source})
    (found,) = said(checked, "problem")
    assert problem in found
    assert "Write def" in found or "Give them defaults" in found
    assert checked.returncode == 1


def test_a_hint_joins_what_loading_said_of_the_same_line(check, folder):
    (problem,) = said(check({"old.py": "def do_filter(hosts, vm, args):\n    print hosts\n"}), "problem")
    assert problem.startswith(f"{folder}/old.py is left out: SyntaxError")
    assert problem.endswith("'print …' is Python 2. Write print(…), or return the answer.")


def test_a_leftover_in_a_branch_that_loading_does_not_reach_is_found(check, folder):
    old = "def do_filter(hosts, vm, args):\n    return hosts if args.has_key('all') else []\n"
    assert said(check({"old.py": old}), "problem") == [
        f"{folder}/old.py, line 2: has_key is Python 2. Write 'key in mapping'."
    ]


def test_a_module_that_plugins_share_is_read_too(check, folder):
    files = {"_shared.py": "def small(x):\n    return unicode(x)\n", "reserved.py": GOOD}
    assert said(check(files), "problem") == [f"{folder}/_shared.py, line 2: unicode is Python 2. Write str."]


def test_a_shared_module_under_a_plugins_name_has_advice(check):
    (problem,) = said(check({"common.py": "X = 1\n", "reserved.py": "import common\n" + GOOD}), "problem")
    assert "give it a name that begins with _" in problem


def test_a_stand_in_for_a_module_of_python_2_is_no_leftover(check):
    files = {"_empty.py": "", "ovirtsdk.py": "", "reserved.py": "from ovirtsdk import __name__\n" + GOOD}
    (problem,) = said(check(files), "problem")  # it is in the plug-in folder, where files are plug-ins
    assert "ovirtsdk.py is left out: it has none of" in problem


def test_properties_of_a_class_and_of_a_conf_are_read_alike(check, folder):
    bad = GOOD.replace("[0-9a-f,-]*", "[0-9")
    (of_class,) = said(check({"reserved.py": bad}), "problem")
    (of_conf,) = said(check({"reserved.py": GOOD, "Reserved.conf": "customProperties=reserved=[0-9\n"}), "problem")
    assert of_class == of_conf
    assert of_class.startswith(f"unit 'Reserved' of {folder}/reserved.py: property 'reserved' has the pattern '[0-9'")


def test_a_conf_of_a_file_that_cannot_be_loaded_belongs_to_it(check):
    broken = "class Broken:\n    def do_filter(self, hosts, vm, args): return (\n"
    (problem,) = said(check({"b.py": broken, "Broken.conf": "customProperties=a=b\n"}), "problem")
    assert "b.py is left out: SyntaxError" in problem


def test_a_file_with_null_bytes_is_named_without_a_line(check, folder):
    (problem,) = said(check({"nul.py": "x = 1\0\n"}), "problem")
    why = "SyntaxError: source code string cannot contain null bytes"
    assert problem == f"{folder}/nul.py is left out: {why} ({folder}/nul.py)"


def test_a_service_whose_memory_is_limited_from_outside_runs_plugins_within_that(folder, tmp_path):
    (folder / "reserved.py").write_text(GOOD)
    (tmp_path / "scheduler.conf").write_text(f"plugins_path={folder}\n")
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n"
        "from filtersched.ovirt.main import main\n"
        f"exit(main(['--check', '--config-file', '{tmp_path}/scheduler.conf']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout.endswith("filters: 1, cost functions: 0, balancers: 0. No problem.\n"), done.stderr


@AS_ROOT
def test_root_is_told_which_files_the_service_cannot_read(check, folder, tmp_path):
    password = tmp_path / "password"
    password.write_text("s3cret")
    password.chmod(0o600)
    (folder / "reserved.py").write_text(GOOD)
    (folder / "reserved.py").chmod(0o600)
    checked = check({}, f"plugins_path={folder}\nengine_password_file={password}\n")
    assert said(checked, "problem") == [
        f"{folder}/reserved.py cannot be read by the service's own user: {folder}/reserved.py has mode 600."
    ]
    assert checked.returncode == 1


@AS_ROOT
def test_root_is_told_how_to_check_as_the_service_does(check, tmp_path):
    password = tmp_path / "my password"
    password.write_text("s3cret")
    checked = check({"reserved.py": GOOD}, f"plugins_path={tmp_path}/plugged\nengine_password_file={password}\n")
    (note,) = [each for each in said(checked, "note") if each.startswith("Checked as root")]
    assert "systemd-run --pipe --wait --collect --quiet --property=DynamicUser=yes" in note
    assert f"'--property=LoadCredential=my password:{password}'" in note
    assert note.endswith(f"--check --config-file {tmp_path}/scheduler.conf")
    assert f"{password} can be read by everybody: chmod 600 {password}" in said(checked, "note")


def test_a_missing_extra_is_a_sentence_with_what_to_install():
    code = "import sys; sys.modules['aiohttp'] = None; from filtersched.ovirt.main import main; exit(main(['--check']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("filtersched-proxy: import of aiohttp halted")
    assert done.stderr.endswith("Install filtersched with its extra: filtersched[ovirt].\n")
