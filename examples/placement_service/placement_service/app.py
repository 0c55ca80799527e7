"""The application: each endpoint reads a request, asks the scheduler or the pool, and answers with JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from filtersched import (
    FilterScheduler,
    HostState,
    Instance,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from placement_service.metal_host import MetalHost
from placement_service.store import Store

MAX_BODY = 64 * 1024
FILTERS = [
    "AvailabilityZoneFilter",
    "RamFilter",
    "CoreFilter",
    "PowerFilter",
    "LicenseFilter",
    "ServerGroupAntiAffinityFilter",
    "TopologySpreadFilter",
]


class AsciiResponse(JSONResponse):
    """JSON in ASCII, which has room for what UTF-8 lacks: half of a surrogate pair in somebody's name."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


class Service:
    """The endpoints. They run in one thread, so that nothing comes between two lines without `await`."""

    def __init__(self, store: Store) -> None:
        self.store, self.pool = store, store.pool
        self.scheduler = FilterScheduler(
            make_conf(
                available_filters=["standard_filters", "PowerFilter", "LicenseFilter"],
                enabled_filters=FILTERS,
                weight_classes=["RAMWeigher", "SparePowerWeigher"],
                ram_allocation_ratio=1.0,
                cpu_allocation_ratio=1.0,
            )
        )

    async def place(self, request: Request) -> Response:
        """Place an instance. Its uuid is the client's: a retry finds it placed, and gets the same answer."""
        spec = _spec(await _body(request))
        uuid = request.path_params["uuid"]
        known = self._instance(uuid)
        if known is None:
            self.scheduler.place(spec, self.pool, [uuid])
        elif known.flavor != spec.flavor:
            raise HTTPException(409, f"instance {uuid!r} is placed already, with another flavor")
        return await self._told(self._placed(uuid))

    async def release(self, request: Request) -> Response:
        """Release an instance; releasing one that is gone is no error, since a retry must not fail."""
        uuid = request.path_params["uuid"]
        if self._instance(uuid) is not None:
            self.pool.release(uuid)
        return await self._told({"released": uuid})

    async def instance(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if self._instance(uuid) is None:
            raise HTTPException(404, f"instance {uuid!r} is on no host")
        return await self._told(self._placed(uuid))

    async def report(self, request: Request) -> Response:
        """Take over what a host measured of itself."""
        host, body = self._host(request), await _body(request)
        unknown = body.keys() - host.attributes.keys() - {"observed_at"}
        if unknown:
            raise HTTPException(400, f"hosts have no {sorted(unknown)[0]!r}; reported are {', '.join(host.attributes)}")
        report = self.pool.report((host.host, host.nodename), **body)
        return await self._told(dataclasses.asdict(report))

    async def why(self, request: Request) -> Response:
        """What one host would mean to a request: excluded, refused, outranked or chosen."""
        host, spec = self._host(request), _spec(await _body(request))
        return await self._told(self.scheduler.explain(spec, host, self.pool).to_dict())

    async def hosts(self, _request: Request) -> Response:
        return await self._told({"hosts": [host.to_dict() for host in self.pool]})

    async def host(self, request: Request) -> Response:
        return await self._told(self._host(request).to_dict())

    async def health(self, _request: Request) -> Response:
        """Whether the service can acknowledge anything: like every answer, this one needs a save."""
        instances = sum(len(host.instances) for host in self.pool)
        return await self._told({"hosts": len(self.pool), "instances": instances})

    async def _told(self, answer: Mapping[str, Any]) -> Response:
        """The answer, once the state that it tells of is on the disk: a client never learns what a crash would undo."""
        await self.store.saved()
        return AsciiResponse(answer)

    def _host(self, request: Request) -> HostState:
        name = request.path_params["name"]
        try:
            return self.pool[name]
        except KeyError as problem:
            raise HTTPException(404, f"there is no host {problem}") from None

    def _instance(self, uuid: str) -> Instance | None:
        try:
            return self.pool.instance(uuid)
        except KeyError:
            return None

    def _placed(self, uuid: str) -> dict[str, Any]:
        host = self.pool.host_of(uuid)
        assert isinstance(host, MetalHost)
        return {"instance": uuid, "host": host.host, "rack": host.rack}


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body."""
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > MAX_BODY:
            raise HTTPException(413, f"the body is larger than {MAX_BODY} bytes")
    try:
        body = json.loads(read, parse_constant=_no_number)
    except (ValueError, RecursionError) as problem:
        raise HTTPException(400, f"the body is not JSON: {problem}") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return body


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _spec(body: dict[str, Any]) -> RequestSpec:
    """The request for one instance: a flavor, and what else `RequestSpec.from_dict` takes."""
    if "flavor" not in body:
        raise HTTPException(400, "the body needs a 'flavor', such as {\"memory_mb\": 4096, \"vcpus\": 2}")
    if "instance_uuid" in body or "instance_uuids" in body or body.get("num_instances", 1) != 1:
        raise HTTPException(400, "one request places one instance, whose uuid is in the address")
    return RequestSpec.from_dict(body)


async def _refused(_request: Request, refusal: Any) -> Response:
    return AsciiResponse(refusal.to_dict(), 409)


async def _wrong(_request: Request, problem: Any) -> Response:
    return AsciiResponse({"error": str(problem)}, 400)


async def _said(_request: Request, problem: Any) -> Response:
    return AsciiResponse({"error": problem.detail}, problem.status_code, problem.headers)


async def _not_saved(_request: Request, problem: Any) -> Response:
    return AsciiResponse({"error": f"the pool could not be saved ({problem}); send the request again"}, 503)


def make_app(store: Store) -> Starlette:
    """The ASGI application over a store."""
    service = Service(store)
    return Starlette(
        routes=[
            Route("/instances/{uuid}", service.place, methods=["PUT"]),
            Route("/instances/{uuid}", service.release, methods=["DELETE"]),
            Route("/instances/{uuid}", service.instance),
            Route("/hosts", service.hosts),
            Route("/hosts/{name}", service.host),
            Route("/hosts/{name}/report", service.report, methods=["POST"]),
            Route("/hosts/{name}/why", service.why, methods=["POST"]),
            Route("/health", service.health),
        ],
        exception_handlers={
            NoValidHost: _refused,
            InvalidRequest: _wrong,
            InvalidHost: _wrong,
            HTTPException: _said,
            OSError: _not_saved,
        },
    )
