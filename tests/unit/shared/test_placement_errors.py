"""PlacementPool and a Placement that is not there, slow, broken, or answers what nobody understands."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import traceback
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from filtersched import FilterScheduler, Flavor, PoolError, RequestSpec
from filtersched.errors import ConfigurationError, FilterschedError, InvalidRequest
from filtersched.hosts.placement import CommitConflict
from filtersched.shared import PlacementPool
from tests.unit.shared.fake_placement import CMP1, PROVIDER, Cut, FakePlacement, error, fake_placement

keystoneauth1 = pytest.importorskip("keystoneauth1", reason="the extra `placement` is not installed")

TOKEN = "gAAAA-the-token"
PASSWORD = "correct-horse-battery"
FIRST = str(uuid.uuid5(uuid.NAMESPACE_DNS, "first"))
INVENTORIES_OF_CMP1 = f"GET /resource_providers/{CMP1}/inventories"


@pytest.fixture
def fake() -> Iterator[FakePlacement]:
    with fake_placement() as running:
        yield running


def opened(url: str, **how: Any) -> PlacementPool:
    from keystoneauth1.session import Session
    from keystoneauth1.token_endpoint import Token

    session = Session(auth=Token("http://127.0.0.1:1", TOKEN))
    return PlacementPool(session, endpoint=url, **{"max_age_s": None, **how})


def place(pool: PlacementPool) -> str:
    spec = RequestSpec(Flavor(1024, 1), project_id="p", user_id="u", instance_uuid=FIRST)
    return FilterScheduler(filters=["RamFilter"]).place(spec, pool)[0].host


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_service_that_is_not_there_is_unreachable():
    with pytest.raises(PoolError, match="cannot be reached") as problem:
        opened(f"http://127.0.0.1:{free_port()}")
    assert problem.value.problem == "unreachable"


@pytest.mark.parametrize(
    ("status", "problem", "said"),
    [
        (401, "denied", "refused or expired"),
        (403, "denied", "not permitted"),
        (406, "older", "microversion 1.38 is needed"),
        (500, "unreachable", "the service failed"),
        (502, "unreachable", "the service failed"),
        (400, "damaged", "it refuses the request"),
    ],
)
def test_what_placement_answers_instead_is_said(fake, status, problem, said):
    fake.answers["*"] = status, error("because of the moon")
    with pytest.raises(PoolError) as raised:
        opened(fake.url)
    assert raised.value.problem == problem
    assert str(raised.value).startswith("Placement: GET /resource_providers: ")
    assert said in str(raised.value)
    assert str(raised.value).endswith(f"({status}): because of the moon")


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>proxy</html>", b"", b"[]", b"\xff"),
        *(b'{"resource_providers": 5}', b'{"resource_providers": [{"uuid": 1}]}'),
    ],
    ids=["html", "nothing", "list", "bytes", "number", "record"],
)
def test_an_answer_of_another_shape_is_damaged(fake, body):
    fake.answers["GET /resource_providers"] = 200, body
    with pytest.raises(PoolError, match="not understood") as problem:
        opened(fake.url)
    assert problem.value.problem == "damaged"


@pytest.mark.parametrize(
    "inventories",
    [{"VCPU": {}}, {"VCPU": 5}, {"VCPU": {"total": "many"}}, None],
    ids=["empty", "number", "text", "none"],
)
def test_inventories_of_another_shape_are_damaged(fake, inventories):
    fake.answers[INVENTORIES_OF_CMP1] = 200, {"inventories": inventories, "resource_provider_generation": 1}
    with pytest.raises(PoolError, match="not understood") as problem:
        opened(fake.url)
    assert problem.value.problem == "damaged"


def test_a_figure_that_no_host_can_have_names_the_provider(fake):
    odd = {"total": -5, "reserved": 0, "min_unit": 1, "max_unit": 1, "step_size": 1, "allocation_ratio": 1.0}
    fake.answers[INVENTORIES_OF_CMP1] = 200, {"inventories": {"VCPU": odd}, "resource_provider_generation": 1}
    with pytest.raises(PoolError, match=r"'cmp1'.*vcpus_total") as problem:
        opened(fake.url)
    assert problem.value.problem == "damaged"


def test_a_service_that_says_nothing_is_waited_for_so_long_only(fake):
    def sleep() -> Any:
        fake.ended.wait(60)
        raise Cut

    fake.answers["*"] = sleep
    with pytest.raises(PoolError, match=r"no answer in 0\.2 s"):
        opened(fake.url, timeout_s=0.2)


def test_a_provider_that_vanishes_while_it_is_read_is_no_host(fake):
    fake.answers[INVENTORIES_OF_CMP1] = 404, error("gone")
    assert list(opened(fake.url)) == []


def test_a_provider_that_changes_while_it_is_read_is_read_again(fake):
    generations = iter([2, 1])

    def traits() -> Any:
        return 200, {"traits": [], "resource_provider_generation": next(generations)}

    fake.answers[f"GET /resource_providers/{CMP1}/traits"] = traits
    assert [host.host for host in opened(fake.url)] == ["cmp1"]
    assert fake.asked.count(INVENTORIES_OF_CMP1) == 2


def test_a_provider_that_always_changes_is_read_again_the_next_time(fake):
    count = iter(range(2, 100))
    fake.answers[f"GET /resource_providers/{CMP1}/traits"] = lambda: (
        200,
        {"traits": [], "resource_provider_generation": next(count)},
    )
    fake.answers["GET /resource_providers"] = lambda: (200, {"resource_providers": [{**PROVIDER, "generation": 9}]})
    pool = opened(fake.url)
    before = fake.asked.count(INVENTORIES_OF_CMP1)
    pool.refresh()
    assert fake.asked.count(INVENTORIES_OF_CMP1) > before


def test_a_service_that_is_restarted_is_asked_again(fake):
    answers = iter([(503, None), (200, {"resource_providers": [PROVIDER]})])
    fake.answers["GET /resource_providers"] = lambda: next(answers)
    assert [host.host for host in opened(fake.url)] == ["cmp1"]


def test_a_reading_that_fails_leaves_the_hosts_and_is_tried_before_the_next_decision(fake):
    pool = opened(fake.url, max_age_s=3600.0)
    fake.answers["GET /resource_providers"] = 500, error("down")
    with pytest.raises(PoolError):
        pool.refresh()
    assert [host.host for host in pool] == ["cmp1"]
    with pytest.raises(PoolError):
        place(pool)
    del fake.answers["GET /resource_providers"]
    assert place(pool) == "cmp1"


def test_a_reading_that_ends_leaves_the_others_to_themselves(fake):
    pool = opened(fake.url)
    read = pool._reader.read

    def read_read_and_place(known: Any) -> Any:
        found = read(known)
        pool._reader.read = read  # type: ignore[method-assign]
        pool.refresh()
        place(pool)
        return found

    pool._reader.read = read_read_and_place  # type: ignore[method-assign]
    pool.refresh()
    assert list(pool["cmp1"].instances) == [FIRST]


def test_a_claim_that_met_another_is_repeated(fake):
    pool = opened(fake.url)
    answers = iter([(409, error("changed", "placement.concurrent_update")), (204, None)])
    fake.answers["POST /allocations"] = lambda: next(answers)
    assert place(pool) == "cmp1"
    assert fake.asked.count("POST /allocations") == 2


def test_a_claim_that_always_meets_others_ends(fake):
    pool = opened(fake.url, claim_attempts=2)
    fake.answers["POST /allocations"] = 409, error("changed", "placement.concurrent_update")
    with pytest.raises(CommitConflict, match="changed"):
        place(pool)
    assert fake.asked.count("POST /allocations") == 4
    assert pool["cmp1"].instances == {}


def test_a_claim_whose_answer_is_lost_holds_if_placement_has_it(fake):
    pool = opened(fake.url)

    def do_and_cut() -> Any:
        fake.allocations[FIRST] = {CMP1: {"resources": {"VCPU": 1, "MEMORY_MB": 1024}}}
        raise Cut

    fake.answers["POST /allocations"] = do_and_cut
    assert place(pool) == "cmp1"
    assert list(pool["cmp1"].instances) == [FIRST]
    assert fake.asked.count("POST /allocations") == 1


def test_a_claim_that_arrives_late_after_all_holds(fake):
    pool = opened(fake.url)

    def arrive_late() -> Any:
        if fake.asked.count("POST /allocations") == 1:
            return 500, error("down")
        fake.allocations[FIRST] = {CMP1: {"resources": {"VCPU": 1, "MEMORY_MB": 1024}}}
        return 409, error("consumer generation conflict", "placement.concurrent_update")

    fake.answers["POST /allocations"] = arrive_late
    assert place(pool) == "cmp1"
    assert list(pool["cmp1"].instances) == [FIRST]


@pytest.mark.parametrize("answer", ["cut", "gateway"])
def test_a_claim_whose_answer_is_lost_is_undone_if_placement_has_not_got_it(fake, answer):
    def cut() -> Any:
        raise Cut

    pool = opened(fake.url)
    fake.answers["POST /allocations"] = cut if answer == "cut" else (504, b"<html>Gateway Time-out</html>")
    with pytest.raises(PoolError, match=r"POST /allocations.*Placement did not have it") as problem:
        place(pool)
    assert problem.value.problem == "lost"
    assert fake.asked.count("POST /allocations") == 3
    assert pool["cmp1"].instances == {}
    assert pool["cmp1"].free_ram_mb == 8192


def test_a_claim_whose_outcome_cannot_be_looked_up_names_its_instances(fake):
    def cut() -> Any:
        raise Cut

    pool = opened(fake.url)
    fake.answers["*"] = cut
    with pytest.raises(PoolError, match=FIRST) as problem:
        place(pool)
    assert problem.value.problem == "lost"


@pytest.mark.parametrize(("status", "problem"), [(401, "denied"), (403, "denied"), (400, "damaged")])
def test_a_claim_that_is_not_permitted_is_undone(fake, status, problem):
    pool = opened(fake.url)
    fake.answers["POST /allocations"] = status, error("no")
    with pytest.raises(PoolError) as raised:
        place(pool)
    assert raised.value.problem == problem
    assert pool["cmp1"].instances == {}


def test_a_release_whose_consumer_is_not_understood_changes_nothing(fake):
    pool = opened(fake.url)
    place(pool)
    fake.answers[f"GET /allocations/{FIRST}"] = 200, {"allocations": 5}
    with pytest.raises(PoolError) as problem:
        pool.release(FIRST)
    assert problem.value.problem == "damaged"
    assert list(pool["cmp1"].instances) == [FIRST]


def test_neither_token_nor_password_is_said_or_logged(fake, caplog):
    caplog.set_level(logging.DEBUG)
    said = []
    fake.answers["*"] = 500, error(f"token {TOKEN} of http://admin:{PASSWORD}@keystone/")
    for url in (fake.url, f"http://admin:{PASSWORD}@127.0.0.1:{free_port()}", f"nowhere://admin:{PASSWORD}@host"):
        with pytest.raises(FilterschedError) as problem:
            opened(url)
        said += traceback.format_exception(problem.value)
    del fake.answers["*"]
    place(opened(fake.url))
    said += [record.getMessage() for record in caplog.records]
    assert [text for text in said if TOKEN in text or PASSWORD in text] == []


def test_a_password_that_keystone_refuses_is_not_said(fake):
    from keystoneauth1.identity import V3Password
    from keystoneauth1.session import Session

    fake.answers["*"] = 401, {"error": {"message": f"no user admin with {PASSWORD}", "code": 401}}
    auth = V3Password(f"{fake.url}/v3", username="admin", password=PASSWORD, user_domain_id="d", project_name="p")
    with pytest.raises(PoolError, match="401") as problem:
        PlacementPool(Session(auth=auth))
    assert problem.value.problem == "denied"
    assert PASSWORD not in str(problem.value)


def test_only_a_session_is_taken():
    with pytest.raises(ConfigurationError, match=r"keystoneauth1\.session\.Session, not str"):
        PlacementPool("http://placement")


def test_the_name_of_the_extra_is_said_where_it_is_missing():
    code = (
        "import sys; sys.modules['keystoneauth1'] = None\n"
        "from filtersched.shared import PlacementPool\n"
        "try: PlacementPool(None)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("PoolError ")
    assert "pip install 'filtersched[placement]'" in done.stdout


def test_an_instance_that_is_there_twice_is_the_requests_fault(fake):
    pool = opened(fake.url)
    fake.answers["POST /allocations"] = 409, error("consumer generation conflict", "placement.concurrent_update")
    fake.allocations[FIRST] = {CMP1: {"resources": {"VCPU": 1}}}
    with pytest.raises(InvalidRequest, match="already"):
        place(pool)
