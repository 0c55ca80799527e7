"""A reader at a terminal: commands that share a shell's state, and one Python session.

The reader has what the page's own commands made and nothing else: no variable of the tests, no
path to the checkout. Python blocks run in the `python` that is first on the reader's path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

TIMEOUT_S = 900

# Runs blocks in a namespace of their own, as an interactive Python does; one line of JSON each way.
_SESSION = """\
import contextlib, doctest, io, json, os, sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
namespace = {"__name__": "__main__", "__builtins__": __builtins__}


def execute(block, printed):
    # Blank lines in front, so that a traceback names the line of the page.
    code = compile("\\n" * (block["line"] - 1) + block["text"], block["path"], "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)


def session(block, printed):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    test = doctest.DocTestParser().get_doctest(block["text"], namespace, block["path"], block["path"], block["line"])
    runner.run(test, out=printed.write, clear_globs=False)
    namespace.update(test.globs)
    return {"tries": runner.tries, "failures": runner.failures}


for line in sys.stdin:
    block, printed, answer = json.loads(line), io.StringIO(), {"raised": None}
    try:
        answer.update((session if block["pycon"] else execute)(block, printed) or {})
    except Exception as problem:
        answer["raised"] = type(problem).__name__
        answer["problem"] = f"{problem!r}"
    answers.write(json.dumps({**answer, "printed": printed.getvalue()}) + "\\n")
    answers.flush()
"""


# Writes down a shell's variables and functions for the next command, and what a program would see.
_KEEP = "{{ declare -p | grep -E '^declare (--|-x) '; declare -f; }} > {}; env -0 > {}"


class Done(NamedTuple):
    """What a command came to."""

    status: int
    said: str


class Reader:
    """Types what a page says, in one directory. Used as a context.

    environment : the variables of the terminal; commands change them, as they do a shell's.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.home = directory
        self.directory = str(directory)
        self.environment = dict(environment)
        self._shell = ""
        self._session: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            assert self._session.stdin is not None
            self._session.stdin.close()
            self._session.wait(60)
            assert self._session.stdout is not None
            self._session.stdout.close()

    def type(self, command: str) -> Done:
        """Run one command by bash; variables and directory that it leaves hold for the next."""
        with tempfile.TemporaryDirectory() as folder:
            shell, exported = Path(folder) / "shell", Path(folder) / "exported"
            shell.write_text(self._shell, encoding="utf-8")
            done = subprocess.run(
                ["bash", "-c", f". {shell}\n{command}\n__status=$?\n{_KEEP.format(shell, exported)}\nexit $__status"],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            if exported.exists():  # not after a command that ends the shell
                self._shell = shell.read_text(encoding="utf-8")
                left = dict(line.split("=", 1) for line in exported.read_text().split("\0") if "=" in line)
                self.directory = left.pop("PWD")
                self.environment = {name: text for name, text in left.items() if name not in ("_", "SHLVL", "OLDPWD")}
        return Done(done.returncode, done.stdout)

    def execute(self, text: str, *, path: str, line: int, pycon: bool) -> dict[str, Any]:
        """Run a block in the Python session; what was printed and raised."""
        if self._session is None:
            python = shutil.which("python", path=self.environment["PATH"])
            self._session = subprocess.Popen(
                [python or "python3", "-c", _SESSION],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        assert self._session.stdin is not None
        assert self._session.stdout is not None
        self._session.stdin.write(json.dumps({"text": text, "path": path, "line": line, "pycon": pycon}) + "\n")
        self._session.stdin.flush()
        answer = self._session.stdout.readline()
        if not answer:
            raise RuntimeError(f"the Python session ended at line {line}")
        found: dict[str, Any] = json.loads(answer)
        return found


def terminal(home: Path, path: str = os.defpath) -> dict[str, str]:
    """The variables of a plain terminal of 100 columns without colours, with a way to the package index."""
    kept = {name: value for name, value in os.environ.items() if name == "TMPDIR" or name.startswith("PIP_")}
    user = Path.home()
    if (user / ".config/pip/pip.conf").exists():
        kept.setdefault("PIP_CONFIG_FILE", str(user / ".config/pip/pip.conf"))
    kept.setdefault("PIP_CACHE_DIR", str(user / ".cache/pip"))
    plain = {"LANG": "C.UTF-8", "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    return {**kept, **plain, "HOME": str(home), "PATH": path}
