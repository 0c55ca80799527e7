"""What the endpoints answer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SMALL = {"flavor": {"memory_mb": 4096, "vcpus": 2, "extra_specs": {"metal:watts": "100"}}}
LICENSED = {"flavor": {"memory_mb": 4096, "vcpus": 2, "extra_specs": {"metal:licenses": "oracle"}}}


def test_placed_instance_takes_memory_power_and_licenses_and_gives_them_back(server):
    before = server.hosts()
    assert server.ask("PUT", "/instances/a", LICENSED) == (200, {"instance": "a", "host": "metal3", "rack": "r2"})
    assert server.ask("PUT", "/instances/b", SMALL)[0] == 200
    metal3 = server.hosts()["metal3"]
    assert metal3["licenses"] == {"oracle": 1}
    assert (metal3["power_used_w"], metal3["free_ram_mb"]) == (100, 131072 - 2 * 4096)
    for uuid in "ab":
        assert server.ask("DELETE", f"/instances/{uuid}") == (200, {"released": uuid})
    after = server.hosts()
    for name, host in before.items():
        assert {**after[name], "power_used_w": 0, "updated": None} == {
            **after[name], **host, "power_used_w": 0, "updated": None
        }


def test_retry_gets_the_same_answer_and_books_once(server):
    first = server.ask("PUT", "/instances/a", SMALL)
    assert server.ask("PUT", "/instances/a", SMALL) == first
    assert server.ask("GET", "/instances/a") == first
    assert server.ask("GET", "/health")[1]["instances"] == 1


def test_same_uuid_with_another_flavor_is_a_conflict(server):
    server.ask("PUT", "/instances/a", SMALL)
    status, answer = server.ask("PUT", "/instances/a", LICENSED)
    assert (status, answer) == (409, {"error": "instance 'a' is placed already, with another flavor"})


def test_release_of_what_is_gone_succeeds_as_its_retry_must(server):
    server.ask("PUT", "/instances/a", SMALL)
    assert [server.ask("DELETE", "/instances/a")[0] for _time in range(2)] == [200, 200]
    assert server.ask("GET", "/instances/a") == (404, {"error": "instance 'a' is on no host"})


def test_refusal_says_as_data_what_is_missing(server):
    wanted = {"flavor": {"memory_mb": 1, "extra_specs": {"metal:watts": "801"}}}
    status, answer = server.ask("PUT", "/instances/a", wanted)
    assert status == 409
    assert answer["message"].startswith("No valid host was found.")
    (shortage,) = (one["shortage"] for one in answer["explanation"]["near_misses"][0]["verdicts"] if not one["passed"])
    assert (shortage["what"], shortage["need"], shortage["have"], shortage["missing"]) == ("power", 801, 800, 1)


def test_group_is_spread_over_racks(server):
    group = {"uuid": "web", "rules": {"spread": "rack", "max_per_domain": 1}}
    answers = [server.ask("PUT", f"/instances/{uuid}", {**SMALL, "instance_group": group}) for uuid in "abc"]
    assert [status for status, _answer in answers] == [200, 200, 409]
    assert {answer["rack"] for _status, answer in answers[:2]} == {"r1", "r2"}
    assert "TopologySpreadFilter" in answers[2][1]["message"]


def test_what_cannot_be_saved_is_not_acknowledged_and_a_retry_is(server):
    path = server.folder / "pool.jsonl"
    path.unlink()
    path.mkdir()
    status, answer = server.ask("PUT", "/instances/a", SMALL)
    assert status == 503
    assert "could not be saved" in answer["error"]
    path.rmdir()
    assert server.ask("PUT", "/instances/a", SMALL)[0] == 200
    server.kill()
    server.start()
    assert server.ask("GET", "/health")[1] == {"hosts": 4, "instances": 1}


def test_host_says_why_it_is_not_the_one(server):
    refused = server.ask("POST", "/hosts/metal2/why", LICENSED)[1]
    assert refused["sentence"] == "metal2: LicenseFilter: lacks 1 oracle licenses (free 0, asked 1)"
    assert refused["rank"] is None
    outranked = server.ask("POST", "/hosts/metal1/why", LICENSED)[1]
    assert outranked["rank"] == 2


def test_report_keeps_counting_what_was_placed_since(server):
    server.ask("PUT", "/instances/a", SMALL)
    host = server.ask("GET", "/instances/a")[1]["host"]
    report = {"power_used_w": 40, "instances": []}
    assert server.ask("POST", f"/hosts/{host}/report", report) == (
        200, {"accepted": True, "missing": [], "adopted": [], "elsewhere": []}
    )
    assert server.ask("GET", f"/hosts/{host}")[1]["power_used_w"] == 140


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("PUT", "/instances/a", b"{", 400, "not JSON"),
        ("PUT", "/instances/a", b"\xff", 400, "not JSON"),
        ("PUT", "/instances/a", b"[" * 60_000, 400, "not JSON"),
        ("PUT", "/instances/a", b'{"flavor": {"memory_mb": NaN}}', 400, "NaN is no number"),
        ("PUT", "/instances/a", [], 400, "must be a JSON object"),
        ("PUT", "/instances/a", {}, 400, "needs a 'flavor'"),
        ("PUT", "/instances/a", {"flavor": 3}, 400, "flavor must be a mapping"),
        ("PUT", "/instances/a", {"flavor": {"memory_mb": "4096"}}, 400, "flavor.memory_mb must be a finite number"),
        ("PUT", "/instances/a", {"flavor": {"memory_mb": -1}}, 400, "flavor.memory_mb must be zero or more"),
        ("PUT", "/instances/a", {"flavor": {"memory": 1}}, 400, "there is no 'memory'"),
        ("PUT", "/instances/a", {"flavor": {}, "num_instances": 2}, 400, "one request places one instance"),
        ("PUT", "/instances/a", {"flavor": {"extra_specs": {"metal:watts": "-5"}}}, 400, "metal:watts must be"),
        ("PUT", "/instances/a", b'{"flavor": {"name": "' + b"x" * 70_000 + b'"}}', 413, "larger than 65536 bytes"),
        ("POST", "/hosts/metal9/report", {}, 404, "there is no host 'metal9'"),
        ("POST", "/hosts/metal9/why", SMALL, 404, "there is no host 'metal9'"),
        ("POST", "/hosts/metal1/report", {"power": 1}, 400, "hosts have no 'power'"),
        ("POST", "/hosts/metal1/report", {"power_used_w": "much"}, 400, "power_used_w must be"),
        ("POST", "/hosts/metal1/report", {"host": "other"}, 400, "keeps its name"),
        ("POST", "/hosts/metal1/report", {"_checks": {}}, 400, "hosts have no '_checks'"),
        ("POST", "/hosts/metal1/report", {"observed_at": "yesterday"}, 400, "observed_at"),
        ("POST", "/hosts/metal1/report", {"instances": 7}, 400, "instances"),
        ("POST", "/hosts", {}, 405, "Method Not Allowed"),
        ("GET", "/elsewhere", None, 404, "Not Found"),
    ],
)
def test_wrong_request_is_refused_with_a_sentence(server_of_all, method, path, body, status, said):
    got, answer = server_of_all.ask(method, path, body)
    assert got == status
    assert said in answer["error"]
    assert server_of_all.ask("GET", "/health") == (200, {"hosts": 4, "instances": 0})


def test_text_that_utf8_lacks_is_stored_and_answered(server):
    body = {**SMALL, "user_id": "\ud800"}
    host = server.ask("PUT", "/instances/a", json.dumps(body).encode())[1]["host"]
    server.kill()
    server.start()
    assert server.hosts()[host]["instances"]["a"]["user_id"] == "\ud800"


def test_second_service_on_one_folder_is_refused(server):
    command = [sys.executable, "-c", "from placement_service.main import main; main()", "--data", str(server.folder)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert second.returncode == 1
    assert second.stderr == f"another placement service uses {server.folder}\n"
