"""A real Placement for tests, in a process of its own, and providers to fill it with.

`tox -e placement` makes its Python; FILTERSCHED_PLACEMENT_PYTHON names it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PYTHON = os.environ.get("FILTERSCHED_PLACEMENT_PYTHON", "")
SERVICE = Path(__file__).with_name("placement_service.py")
TOKEN = "admin"
VERSION = {"OpenStack-API-Version": "placement 1.38"}
# In an order that no foreign key forbids.
_TABLES = (
    *("allocations", "consumers", "inventories", "resource_provider_aggregates", "placement_aggregates"),
    *("resource_provider_traits", "resource_providers"),
)


def is_installed() -> bool:
    if not os.path.exists(PYTHON):
        return False
    return subprocess.run([PYTHON, "-c", "import placement, waitress"], capture_output=True).returncode == 0


def session(token: str = TOKEN) -> Any:
    """A session as an operator has one, with a token in the place of a password."""
    from keystoneauth1.session import Session
    from keystoneauth1.token_endpoint import Token

    return Session(auth=Token("http://127.0.0.1:1", token))


class PlacementServer:
    """Placement, with the requests that fill it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._directory = directory
        self._session = session()

    def clear(self) -> None:
        with contextlib.closing(sqlite3.connect(self._directory / "placement.db", timeout=60)) as database, database:
            database.execute("PRAGMA foreign_keys = OFF")
            for table in _TABLES:
                database.execute(f"DELETE FROM {table}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._session.request(
            self.url + path, method, json=body, headers={**VERSION, "Accept": "application/json"}, log=False
        )
        return answer.json() if answer.content else None

    def add(
        self,
        name: str,
        inventories: Mapping[str, Any] | None = None,
        *,
        parent: str | None = None,
        traits: tuple[str, ...] = (),
        aggregates: tuple[str, ...] = (),
    ) -> str:
        """Make a provider; of an inventory that is a number it is the total. Returns the uuid."""
        key = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        parents = {} if parent is None else {"parent_provider_uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, parent))}
        self.ask("POST", "/resource_providers", {"name": name, "uuid": key, **parents})
        generation = 0
        if inventories:
            self.set_inventories(name, inventories, generation)
            generation += 1
        if traits:
            for trait in filter(lambda one: one.startswith("CUSTOM_"), traits):
                self.ask("PUT", f"/traits/{trait}")
            body = {"traits": list(traits), "resource_provider_generation": generation}
            self.ask("PUT", f"/resource_providers/{key}/traits", body)
            generation += 1
        if aggregates:
            body = {"aggregates": list(aggregates), "resource_provider_generation": generation}
            self.ask("PUT", f"/resource_providers/{key}/aggregates", body)
        return key

    def set_inventories(self, name: str, inventories: Mapping[str, Any], generation: int | None = None) -> None:
        for resource in inventories:
            if resource.startswith("CUSTOM_"):
                self.ask("PUT", f"/resource_classes/{resource}")
        whole = {one: {"total": what} if isinstance(what, int) else what for one, what in inventories.items()}
        if generation is None:
            generation = self.generation(name)
        body = {"inventories": whole, "resource_provider_generation": generation}
        self.ask("PUT", f"/resource_providers/{self.uuid(name)}/inventories", body)

    def remove(self, name: str) -> None:
        self.ask("DELETE", f"/resource_providers/{self.uuid(name)}")

    def uuid(self, name: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))

    def generation(self, name: str) -> int:
        return int(self.ask("GET", f"/resource_providers/{self.uuid(name)}")["generation"])

    def usages(self, name: str) -> dict[str, int]:
        return dict(self.ask("GET", f"/resource_providers/{self.uuid(name)}/usages")["usages"])

    def allocations(self, consumer: str) -> dict[str, dict[str, int]]:
        """What a consumer has, by the uuid of the provider."""
        answer = self.ask("GET", f"/allocations/{consumer}")["allocations"]
        return {key: dict(one["resources"]) for key, one in answer.items()}

    def allocate(self, consumer: str, of: Mapping[str, Mapping[str, int]]) -> None:
        """Let another client allocate, by the names of providers; nothing gives all back."""
        there = self.ask("GET", f"/allocations/{consumer}")
        body = {
            "allocations": {self.uuid(name): {"resources": dict(amounts)} for name, amounts in of.items()},
            "project_id": "other",
            "user_id": "other",
            "consumer_generation": there.get("consumer_generation"),
            "consumer_type": "INSTANCE",
        }
        self.ask("POST", "/allocations", {consumer: body})


@contextlib.contextmanager
def placement_server(directory: Path) -> Iterator[PlacementServer]:
    """A server that runs until the block ends."""
    # Whatever it writes of itself goes to a file: a pipe that nobody reads would stop it.
    with open(directory / "stderr", "wb") as stderr:
        process = subprocess.Popen(
            [PYTHON, str(SERVICE), str(directory)], stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"Placement does not start: {(directory / 'stderr').read_text()[-2000:]}")
            yield PlacementServer(directory, int(line))
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


