"""Library and command need nothing that only Unix has; the oVirt proxy may."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What the standard library lacks on Windows: modules, and names in others.
WITHOUT_UNIX = """
# The Linux builds of other libraries may use what they like.
import os, signal, sys, time, numpy, oslo_config.cfg, rich.console, stevedore
for name in ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "syslog"):
    sys.modules[name] = None
for name in [name for name in dir(signal) if name.startswith("SIG")]:
    if name not in ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN"):
        delattr(signal, name)
for name in ("alarm", "setitimer", "pause", "pthread_sigmask", "pthread_kill", "sigwait"):
    delattr(signal, name)
for name in ("fork", "forkpty", "getuid", "geteuid", "getgid", "getegid", "chown", "fchown", "uname", "nice", "setsid",
             "getpgid", "killpg", "mkfifo", "pread", "pwrite", "sched_getaffinity", "sysconf", "ttyname", "wait"):
    delattr(os, name)
delattr(time, "tzset")
"""


def run_without_unix(code, *arguments):
    command = [sys.executable, "-c", WITHOUT_UNIX + code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(find_spec("alembic") is None, reason="the extra `shared` is not installed")
def test_every_module_but_those_of_the_proxy_is_imported_without_unix():
    code = """
import importlib, pkgutil, filtersched
# The bridge is imported by Nova, which needs Unix.
names = [found.name for found in pkgutil.walk_packages(filtersched.__path__, "filtersched.")]
names.remove("filtersched.nova_bridge")
# Alembic runs these, in a context that it makes.
names = [name for name in names if ".migrations." not in name]
names = [name for name in names if not name.startswith("filtersched.ovirt") and not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(len(names) > 100)
"""
    assert run_without_unix(code) == "True\n"


@pytest.mark.slow
def test_command_schedules_without_unix(tmp_path):
    code = """
from filtersched.cli.main import main
sys.argv[0] = "filtersched"
sys.exit(main())
"""
    output = tmp_path / "placements.jsonl"
    inputs = ("--inventory", "examples/hosts.jsonl", "--requests", "examples/requests.jsonl", "--allow-partial")
    assert "requests placed" in run_without_unix(code, "schedule", *inputs, "--output", str(output))
    assert len(output.read_text(encoding="utf-8").splitlines()) == 6
