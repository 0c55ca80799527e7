"""Killed under load and started again, the service knows everything that it has acknowledged, once."""

from __future__ import annotations

import http.client
import random
import threading
import time
from datetime import UTC, datetime
from typing import Any

from conftest import Server

CLIENTS, ROUNDS, CALLS = 6, 3, 150
MEMORY_MB = {"metal1": 65536, "metal2": 65536, "metal3": 131072, "metal4": 131072}
LICENSES = {"metal1": 1, "metal3": 2}


class Client(threading.Thread):
    """Places and releases instances of its own until the service is gone, and keeps a ledger.

    placed : uuid to (request, answer), as acknowledged.
    calls : how many calls were acknowledged.
    doubtful : the last call, if it got no answer.
    """

    def __init__(self, name: str, server: Server) -> None:
        super().__init__()
        self.name, self.server = name, server
        self.chance = random.Random(name)
        self.count = 0
        self.placed: dict[str, tuple[Any, Any]] = {}
        self.calls = 0
        self.doubtful: tuple[str, str, Any] | None = None

    def run(self) -> None:
        while True:
            if self.placed and self.chance.random() < 0.4:
                call = ("DELETE", self.chance.choice(sorted(self.placed)), None)
            else:
                self.count += 1
                call = ("PUT", f"{self.name}-{self.count}", _request(self.chance))
            self.doubtful = call
            try:
                self.send(*call)
            except (OSError, http.client.HTTPException):
                return

    def send(self, method: str, uuid: str, request: Any) -> None:
        status, answer = self.server.ask(method, f"/instances/{uuid}", request)
        assert status in (200, 409), answer
        if method == "DELETE":
            del self.placed[uuid]
        elif status == 200:
            self.placed[uuid] = request, answer
        self.calls += 1
        self.doubtful = None

    def again(self, server: Server) -> Client:
        """The same client after a restart. As a client should, it repeats the call that got no answer."""
        new = Client(self.name, server)
        new.chance, new.count, new.placed, new.calls = self.chance, self.count, self.placed, self.calls
        if self.doubtful is not None:
            new.send(*self.doubtful)
        return new


class Host(threading.Thread):
    """Reports what it uses for itself, and which instances it runs, until the service is gone."""

    def __init__(self, name: str, server: Server) -> None:
        super().__init__()
        self.name, self.server = name, server
        self.chance = random.Random(name)
        self.own_w = 0
        self.doubtful: tuple[int, Any] | None = None

    def run(self) -> None:
        while True:
            now = datetime.now(UTC).isoformat()
            own_w = self.chance.randrange(50)
            try:
                here = self.server.ask("GET", f"/hosts/{self.name}")[1].get("instances", {})
                watts = sum(one["consumed"]["watts"] for one in here.values())
                report = {"observed_at": now, "instances": here, "power_used_w": own_w + watts}
                self.doubtful = own_w, report
                self.send(own_w, report)
            except (OSError, http.client.HTTPException):
                return

    def send(self, own_w: int, report: Any) -> None:
        status, answer = self.server.ask("POST", f"/hosts/{self.name}/report", report)
        assert (status, answer.get("accepted")) == (200, True), answer
        self.own_w, self.doubtful = own_w, None

    def again(self, server: Server) -> Host:
        """The same host after a restart; it repeats a report that got no answer."""
        new = Host(self.name, server)
        new.chance, new.own_w = self.chance, self.own_w
        if self.doubtful is not None:
            new.send(*self.doubtful)
        return new


def _request(chance: random.Random) -> dict[str, Any]:
    extra = {"metal:watts": str(chance.choice((0, 5, 10)))}
    if chance.random() < 0.1:
        extra["metal:licenses"] = "oracle"
    return {"flavor": {"memory_mb": chance.choice((512, 1024)), "vcpus": 0, "extra_specs": extra}}


def test_killed_service_knows_all_that_it_acknowledged_once(server):
    clients = [Client(f"client{number}", server) for number in range(CLIENTS)]
    hosts = [Host(name, server) for name in MEMORY_MB]
    for _round in range(ROUNDS):
        for thread in (*clients, *hosts):
            thread.start()
        enough = sum(client.calls for client in clients) + CALLS
        while sum(client.calls for client in clients) < enough:
            assert all(thread.is_alive() for thread in (*clients, *hosts))
            time.sleep(0.001)
        server.kill()
        for thread in (*clients, *hosts):
            thread.join()
        server.start()
        hosts = [host.again(server) for host in hosts]
        clients = [client.again(server) for client in clients]
        compare(server, clients, hosts)


def compare(server: Server, clients: list[Client], hosts: list[Host]) -> None:
    """What the service says is what the ledgers of all clients and hosts say."""
    placed = {uuid: kept for client in clients for uuid, kept in client.placed.items()}
    found = server.hosts()
    where = {uuid: name for name, host in found.items() for uuid in host.get("instances", {})}
    assert where == {uuid: answer["host"] for uuid, (_request, answer) in placed.items()}
    for host in hosts:
        flavors = [request["flavor"] for request, answer in placed.values() if answer["host"] == host.name]
        state = found[host.name]
        watts = sum(int(flavor["extra_specs"]["metal:watts"]) for flavor in flavors)
        licenses = sum("metal:licenses" in flavor["extra_specs"] for flavor in flavors)
        assert state["free_ram_mb"] == MEMORY_MB[host.name] - sum(flavor["memory_mb"] for flavor in flavors)
        assert state.get("num_instances", 0) == len(flavors)
        assert state.get("power_used_w", 0) == host.own_w + watts
        assert state.get("licenses", {}).get("oracle", 0) == LICENSES.get(host.name, 0) - licenses
    for uuid, (request, answer) in list(placed.items())[:20]:
        assert server.ask("PUT", f"/instances/{uuid}", request) == (200, answer)
