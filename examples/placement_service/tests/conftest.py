"""A placement service in a process of its own, as its users run it."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

INVENTORY = Path(__file__).parents[1] / "hosts.jsonl"


class Server:
    """The service over a folder. It can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", "from placement_service.main import main; main()"]
        options = ["--data", str(self.folder), "--inventory", str(INVENTORY), "--port", "0"]
        self.process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            said.append(line)
            running = re.search(r"running on http://127\.0\.0\.1:(\d+)", line)
            if running:
                self.port = int(running[1])
                # Nobody reads on otherwise, and a full pipe stops the service.
                self.log = threading.Thread(target=self.process.stderr.read)
                self.log.start()
                return
        pytest.fail("the service did not start: " + "".join(said))

    def kill(self) -> None:
        """Kill it as `kill -9` does: nothing of its own runs after that."""
        self.process.kill()
        self.process.wait()
        self.log.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of an answer. Raises OSError or HTTPException if the service is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=240)
        try:
            sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, sent)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()

    def hosts(self) -> dict[str, dict[str, Any]]:
        return {host["host"]: host for host in self.ask("GET", "/hosts")[1]["hosts"]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "data")
    yield running
    running.kill()


@pytest.fixture(scope="module")
def server_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One service for tests that leave it as it was."""
    running = Server(tmp_path_factory.mktemp("all") / "data")
    yield running
    running.kill()
