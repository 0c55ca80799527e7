"""Talks to peer.py, which runs in a Python that has Nova."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

VARIABLE = "FILTERSCHED_NOVA_PYTHON"


def nova_python() -> str | None:
    """The Python that FILTERSCHED_NOVA_PYTHON names; None if there is none or Nova is not installed in it."""
    named = os.environ.get(VARIABLE)
    if not named or not Path(named).is_file():
        return None
    asked = [named, "-c", "import importlib.metadata; importlib.metadata.version('nova')"]
    return named if subprocess.run(asked, stderr=subprocess.DEVNULL, check=False).returncode == 0 else None


class NovaPeer:
    """A process with Nova in it; a context manager."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("peer.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> NovaPeer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(timeout=30)

    def versions(self) -> dict[str, str]:
        """The versions of Nova and of its Python."""
        answer: dict[str, str] = self._ask({"do": "versions"})
        return answer

    def decide(self, case: dict[str, Any]) -> dict[str, Any]:
        """What Nova decides for a case."""
        answer: dict[str, Any] = self._ask({"do": "decide", "case": case})
        return answer

    def time(self, case: dict[str, Any], repeats: int = 1) -> dict[str, Any]:
        """The same, with the seconds that the fastest of some decisions took."""
        answer: dict[str, Any] = self._ask({"do": "time", "case": case, "repeats": repeats})
        return answer

    def devices(self, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Which NUMA cells and PCI devices Nova gives an instance in each case."""
        answers: list[dict[str, Any]] = self._ask({"do": "devices", "cases": cases})
        return answers

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(
                f"the Python named by {VARIABLE} ended with {self._process.wait(timeout=30)}; is Nova installed in it?"
            )
        return json.loads(line)
