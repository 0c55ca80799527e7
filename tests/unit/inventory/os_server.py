"""A small cloud on the loopback interface: Keystone, Nova and Placement, as far as an inventory reads them."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

PASSWORD = "correct-horse-battery"
TOKENS = ("gAAAA-first-token", "gAAAA-second-token")
# What hypervisors no longer have from microversion 2.88 on.
SIZES = (
    *("memory_mb", "memory_mb_used", "free_ram_mb", "local_gb", "local_gb_used", "free_disk_gb", "vcpus", "vcpus_used"),
    *("running_vms", "current_workload", "cpu_info", "disk_available_least"),
)
UUIDS = {name: f"{number}0000000-0000-0000-0000-000000000000" for number, name in enumerate("abc", 1)}
FLAVOR = {"vcpus": 4, "ram": 8192, "disk": 20, "ephemeral": 5, "swap": 0}


def hypervisor(name, **facts):
    return {
        "id": UUIDS[name],
        "hypervisor_hostname": f"{name}.example",
        "service": {"host": name, "id": name * 3, "disabled_reason": None},
        "state": "up",
        "status": "enabled",
        "host_ip": "192.0.2.1",
        "hypervisor_type": "QEMU",
        "hypervisor_version": 8002001,
        "memory_mb": 65536,
        "memory_mb_used": 8704,
        "free_ram_mb": 56832,
        "local_gb": 1000,
        "local_gb_used": 25,
        "free_disk_gb": 975,
        "disk_available_least": 970,
        "vcpus": 16,
        "vcpus_used": 4,
        "running_vms": 1,
        "current_workload": 2,
        "cpu_info": {"arch": "x86_64"},
        "uptime": None,
        **facts,
    }


def server(uuid, host, **facts):
    return {
        "id": uuid,
        "tenant_id": "p1",
        "user_id": "u1",
        "created": "2026-01-31T12:00:00Z",
        "flavor": {**FLAVOR, "original_name": "m1.large", "extra_specs": {"hw:cpu_policy": "shared"}},
        "image": {"id": "img", "properties": {"os_distro": "debian"}},
        "metadata": {"db_password": "metadata-secret"},
        "OS-EXT-SRV-ATTR:host": host,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": None if host is None else f"{host}.example",
        "OS-EXT-SRV-ATTR:user_data": "user-data-secret",
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:task_state": None,
        "scheduler_hints": {"group": "g1"},
        "pinned_availability_zone": "az1",
        **facts,
    }


def inventory(total, *, reserved=0, ratio=1.0):
    return {"total": total, "reserved": reserved, "allocation_ratio": ratio, "min_unit": 1, "max_unit": total}


class Cloud:
    """What the cloud has, and how it misbehaves. `asked` has method, path, query and headers of each request.

    forbidden, missing : paths that end in 403 or 404. slow : path to seconds. dying : paths whose answers break off.
    """

    def __init__(self):
        self.hypervisors = [hypervisor("a"), hypervisor("b", status="disabled", state="down")]
        self.services = [
            {"id": "s-a", "host": "a", "binary": "nova-compute", "zone": "az1", "status": "enabled", "state": "up",
             "forced_down": False, "disabled_reason": None, "updated_at": "2026-01-31T11:59:00Z"},
            {"id": "s-b", "host": "b", "binary": "nova-compute", "zone": "nova", "status": "disabled", "state": "down",
             "forced_down": True, "disabled_reason": "broken fan", "updated_at": "2026-01-31T11:59:00Z"},
        ]
        self.aggregates = [
            {"id": 7, "uuid": "aggregate-7", "name": "fast", "hosts": ["a"], "availability_zone": "az1",
             "metadata": {"availability_zone": "az1", "ssd": "true"}, "deleted": False},
        ]
        self.servers = [
            server("i1", "a"),
            server("i2", "a", image="", **{"OS-EXT-STS:vm_state": "building"}),
            server("i3", None),
        ]
        self.flavors = [{"id": "f1", "name": "m1.large", **FLAVOR}]
        self.groups = [{"id": "g1", "name": "web", "policy": "anti-affinity", "members": ["i1", "gone"]}]
        self.providers = [self._provider("a"), self._provider("b")]
        self.inventories = {
            uuid: {
                "VCPU": inventory(16, ratio=4.0),
                "MEMORY_MB": inventory(65536, reserved=512, ratio=1.25),
                "DISK_GB": inventory(1000, reserved=10),
            }
            for uuid in UUIDS.values()
        }
        self.usages = {UUIDS["a"]: {"VCPU": 8, "MEMORY_MB": 16384, "DISK_GB": 50}}
        self.traits = {UUIDS["a"]: ["HW_CPU_X86_AVX2", "CUSTOM_GOLD"]}
        self.nova_versions = ((2, 1), (2, 100))
        self.has_placement = True
        self.page = 1000
        self.forbidden, self.missing, self.slow, self.dying = set(), set(), {}, set()
        self.valid_tokens = set(TOKENS)
        self.issued = 0
        self.said = "Policy doesn't allow it"
        self.asked = []

    def _provider(self, name, **facts):
        return {"uuid": UUIDS[name], "name": f"{name}.example", "root_provider_uuid": UUIDS[name], **facts}

    def add_nested(self, uuid, of, inventories, traits=()):
        self.providers.append(self._provider(of) | {"uuid": uuid, "name": f"{of}.example_{uuid}"})
        self.inventories[uuid], self.traits[uuid] = inventories, [*traits]

    def answers(self, path, query, version):
        """What Nova and Placement answer to a path; None for a path that they don't have."""
        _kind, _, uuid = path.partition("/resource_providers/")
        if uuid:
            uuid, _, part = uuid.partition("/")
            return {part: getattr(self, part).get(uuid, [] if part == "traits" else {})}
        match path:
            case "/compute/v2.1/os-hypervisors/detail":
                return self._paged("hypervisors", list(map(self._hypervisor(version), self.hypervisors)), query)
            case "/compute/v2.1/servers/detail":
                return self._paged("servers", list(map(self._server(version), self.servers)), query)
            case "/compute/v2.1/flavors/detail":
                return self._paged("flavors", self.flavors, query)
            case "/compute/v2.1/os-services":
                return {"services": self.services}
            case "/compute/v2.1/os-aggregates":
                return {"aggregates": self.aggregates}
            case "/compute/v2.1/os-server-groups":
                first = int(query.get("offset", 0))
                return {"server_groups": self.groups[first : first + self.page]}
            case "/placement/resource_providers":
                return {"resource_providers": self.providers}
        return None

    def _hypervisor(self, version):
        def shown(record):
            record = {key: value for key, value in record.items() if version < (2, 88) or key not in SIZES}
            return record if version >= (2, 53) else {**record, "id": 1 + "abc".index(record["service"]["host"])}

        return shown

    def _server(self, version):
        def shown(record):
            if version < (2, 47):
                record = {**record, "flavor": {"id": "f1", "links": []}}
            if version < (2, 96):
                record = {key: value for key, value in record.items() if key != "pinned_availability_zone"}
            return record

        return shown

    def _paged(self, name, records, query):
        first = int(query.get("marker", 0))
        last = first + self.page
        answer = {name: records[first:last]}
        if last < len(records):
            # At an address of its own, as behind a proxy: where nobody must send a token.
            href = f"http://inside.invalid/v2.1/{name}?{urlencode({**query, 'marker': last})}"
            answer[f"{name}_links"] = [{"rel": "next", "href": href}]
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body in one packet: each answer takes 40 ms otherwise, until the client acknowledges the header.
    wbufsize = -1

    def log_message(self, *_args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        cloud = self.server.cloud
        identity = body["auth"]["identity"]
        if "password" in identity["methods"]:
            user = identity["password"]["user"]
            if user["password"] != PASSWORD:
                return self._answer(401, {"error": {"message": f"no: {user['password']}", "code": 401}})
        elif identity["token"]["id"] not in cloud.valid_tokens:
            return self._answer(401, {"error": {"message": f"no: {identity['token']['id']}", "code": 401}})
        token = TOKENS[min(cloud.issued, 1)]
        cloud.issued += 1
        services = [("compute", "compute/v2.1"), *([("placement", "placement")] if cloud.has_placement else [])]
        catalog = [
            {"type": kind, "name": kind, "id": kind, "endpoints": [
                {"interface": "public", "region": "r1", "region_id": "r1", "id": kind, "url": f"{self._root}/{path}"}
            ]}
            for kind, path in services
        ]
        user = {"id": "u", "name": "reader", "domain": {"id": "default", "name": "Default"}}
        answer = {"methods": ["password"], "user": user, "catalog": catalog, "roles": [], "project": {
            "id": "p", "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "expires_at": "2099-01-01T00:00:00Z", "issued_at": "2026-01-31T12:00:00Z"}
        return self._answer(201, {"token": answer}, {"X-Subject-Token": token})

    @property
    def _root(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def do_GET(self):
        cloud, url = self.server.cloud, urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        path = url.path.rstrip("/")
        cloud.asked.append((path, query, dict(self.headers)))
        if path == "/identity/v3":
            links = [{"rel": "self", "href": f"{self._root}/identity/v3/"}]
            return self._answer(200, {"version": {"id": "v3.14", "status": "stable", "links": links}})
        if path == "/compute/v2.1":
            return self._answer(200, {"version": self._version("v2.1", *cloud.nova_versions, path)})
        if path == "/placement":
            return self._answer(200, {"versions": [self._version("v1.0", (1, 0), (1, 39), path)]})
        time.sleep(cloud.slow.get(path, 0))
        if self.headers.get("X-Auth-Token") not in cloud.valid_tokens:
            return self._answer(401, {"error": {"message": "The request you have made requires authentication."}})
        if path in cloud.forbidden:
            return self._answer(403, {"forbidden": {"message": cloud.said, "code": 403}})
        if path in cloud.dying:
            return self._break_off()
        asked = self.headers.get("OpenStack-API-Version", "compute 2.1").split()[1]
        version = tuple(map(int, asked.split(".")))
        if path.startswith("/compute") and not cloud.nova_versions[0] <= version <= cloud.nova_versions[1]:
            return self._answer(406, {"computeFault": {"message": f"Version {asked} is not supported", "code": 406}})
        answer = None if path in cloud.missing else cloud.answers(path, query, version)
        if answer is None:
            return self._answer(404, {"itemNotFound": {"message": "not here", "code": 404}})
        return self._answer(200, answer)

    def _version(self, name, oldest, newest, path):
        texts = {"min_version": "{}.{}".format(*oldest), "version": "{}.{}".format(*newest)}
        return {"id": name, "status": "CURRENT", "links": [{"rel": "self", "href": f"{self._root}{path}/"}], **texts,
                "max_version": texts["version"]}

    def _break_off(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"servers": [')
        self.close_connection = True

    def _answer(self, status, data, headers=()):
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Running:
    """The cloud, answering while the context is open."""

    def __init__(self, cloud):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.cloud = cloud

    @property
    def auth_url(self):
        return f"http://127.0.0.1:{self._server.server_port}/identity/v3"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
