"""A small Placement on the loopback interface that fails as it is told."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CMP1 = "11111111-1111-1111-1111-111111111111"
PROVIDER = {"uuid": CMP1, "name": "cmp1", "generation": 1, "root_provider_uuid": CMP1, "parent_provider_uuid": None}
_INVENTORY = {"reserved": 0, "min_unit": 1, "max_unit": 9999, "step_size": 1, "allocation_ratio": 1.0}
INVENTORIES = {"VCPU": {"total": 8, **_INVENTORY}, "MEMORY_MB": {"total": 8192, **_INVENTORY}}

Answer = tuple[int, Any]


class Cut(Exception):
    """The connection ends without an answer."""


class FakePlacement:
    """One host; `answers` has what a request gets instead, a value or a function, by method and path.

    asked : the requests so far, method and path.
    allocations : by consumer, as the API has them.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[], Answer]] = {}
        self.asked: list[str] = []
        self.allocations: dict[str, Any] = {}
        self.ended = threading.Event()
        self.url = ""

    def answer(self, request: str, body: Any) -> Answer:
        self.asked.append(request)
        told = self.answers.get(request) or self.answers.get("*")
        if told is not None:
            return told() if callable(told) else told
        return self.usual(request, body)

    def usual(self, request: str, body: Any) -> Answer:
        parts = {
            "GET /resource_providers": {"resource_providers": [PROVIDER]},
            f"GET /resource_providers/{CMP1}": PROVIDER,
            f"GET /resource_providers/{CMP1}/inventories": {"inventories": INVENTORIES},
            f"GET /resource_providers/{CMP1}/traits": {"traits": []},
            f"GET /resource_providers/{CMP1}/aggregates": {"aggregates": []},
            f"GET /resource_providers/{CMP1}/allocations": {"allocations": {}},
        }
        if request in parts:
            return 200, {"resource_provider_generation": 1, **parts[request]}
        if request.startswith("GET /allocations/"):
            return 200, {"allocations": self.allocations.get(request.rpartition("/")[2], {})}
        if request == "POST /allocations":
            self.allocations |= {uuid: one["allocations"] for uuid, one in body.items()}
            return 204, None
        return 404, error("not there")


def error(detail: str, code: str = "placement.undefined_code") -> dict[str, Any]:
    return {"errors": [{"status": 0, "title": "", "detail": detail, "code": code}]}


@contextlib.contextmanager
def fake_placement() -> Iterator[FakePlacement]:
    fake = FakePlacement()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            try:
                status, data = fake.answer(f"{self.command} {self.path}", body)
            except Cut:
                self.close_connection = True
                return
            text = data if isinstance(data, bytes) else b"" if data is None else json.dumps(data).encode()
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        fake.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
