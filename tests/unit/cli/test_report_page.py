"""The page of --report: what it says, when it is refused, and that it is whole or not there."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import sys
from html import unescape

import pytest

pytest.importorskip("matplotlib", reason="the extra report is not installed")
pytest.importorskip("jinja2", reason="the extra report is not installed")

from filtersched.cli.main import main

SIZES = {"small": 1024, "medium": 4096, "huge": 65536, "vast": 131072}


def rows(path):
    """The texts of the cells of each row of the page."""
    found = re.findall(r"<tr>(.*?)</tr>", path.read_text(encoding="utf-8"), re.DOTALL)
    return [[unescape(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)] for row in found]


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory):
    """A run of four requests on three hosts, two of which find none: its JSON, and the rows of its page."""
    folder = tmp_path_factory.mktemp("scheduled")
    hosts, requests, page = (folder / name for name in ("hosts.jsonl", "requests.jsonl", "report.html"))
    machines = [
        {"host": f"cmp{nr}", "total_usable_ram_mb": 8192 * nr, "free_ram_mb": 8000 * nr, "vcpus_total": 8 * nr}
        for nr in (1, 2, 3)
    ]
    hosts.write_text("".join(json.dumps(one) + "\n" for one in machines))
    asked = [{"request_id": name, "flavor": {"memory_mb": size, "vcpus": 1}} for name, size in SIZES.items()]
    requests.write_text("".join(json.dumps(one) + "\n" for one in asked))
    given = ["--inventory", hosts, "--requests", requests, "--format", "json", "--allow-partial", "--report", page]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["schedule", *map(str, given), "--seed", "7", "--ram_weight_multiplier=3.5"]) == 0
    return json.loads(out.getvalue()), rows(page)


def test_numbers_of_the_schedule_page_are_those_of_the_json(scheduled):
    said, found = scheduled
    summary = said["summary"]
    for name in ("seed", "hosts", "requests", "placed", "refused", "instances_placed", "instances_released"):
        assert [name.replace("_", " "), str(summary[name])] in found
    for name, shares in summary["utilisation"].items():
        if shares["final"] is not None:
            word = {"ram_mb": "RAM", "vcpus": "vCPUs", "disk_mb": "disk"}[name]
            numbers = (f"{100 * shares[when]:.1f} %" for when in ("before", "peak", "final"))
            assert [word, *numbers] in found
    refused = {name: one["hosts"] for name, one in summary["refused_by"].items()}
    assert {row[0]: int(row[1]) for row in found if len(row) == 2 and row[0] in refused} == refused
    for placement in said["placements"]:
        placed = ", ".join(one["host"] for one in placement.get("selections", ())) or "-"
        by = placement["refusal"]["refused_by"] if "refusal" in placement else "-"
        assert [placement["request_id"], str(len(placement.get("selections", ()))), placed, by] in found


def test_nearest_miss_stands_beside_its_filter(scheduled):
    (row,) = [row for row in scheduled[1] if row[0] == "RamFilter" and len(row) == 3]
    assert row[1] == "2"
    assert re.fullmatch(r"cmp\d lacks \d+ MB of RAM \(.*asked 65536\)\ncmp\d lacks .*asked 131072\)", row[2])


def test_weights_of_the_page_add_up_to_those_of_the_json(scheduled):
    said, found = scheduled
    for placement in said["placements"]:
        for one in placement.get("selections", ()):
            (row,) = [row for row in found if row[0] == f"{placement['request_id']}: {one['host']}"]
            assert float(row[-1]) == pytest.approx(one["weight"], rel=1e-5)
            parts = [share["contribution"] for share in one["shares"] if share["contribution"]]
            assert sorted(float(cell) for cell in row[1:-1] if float(cell)) == pytest.approx(sorted(parts), rel=1e-5)


def test_settings_that_were_given_are_on_the_page(scheduled):
    (row,) = [row for row in scheduled[1] if row[0].endswith("ram_weight_multiplier") and len(row) == 3]
    assert row[1:] == ["3.5", "command line"]


def test_page_of_why_says_what_the_json_says(run, hosts, tmp_path):
    page = tmp_path / "report.html"
    given = ("why", "--all", "--inventory", hosts, "--flavor", "ram=1024", "--format", "json")
    said = run(*given, "--report", page).json
    found = rows(page)
    assert ["chosen", said["chosen"]] in found
    for host in said["hosts"]:
        (row,) = [row for row in found if row[0] == host["name"] and len(row) == 6]
        assert row[1] == ("chosen" if host["chosen"] else "passes" if host["passed"] else "refused")
        assert row[2] == ("-" if host["rank"] is None else str(host["rank"]))


def test_page_of_a_refusal_needs_no_weights(run, hosts, tmp_path):
    page = tmp_path / "report.html"
    assert run("why", "--all", "--inventory", hosts, "--flavor", "ram=999999", "--report", page).status == 1
    assert ["chosen", "none"] in rows(page)


def test_text_report_is_printed_beside_the_page(run, hosts, tmp_path):
    given = ("schedule", "--inventory", hosts, "--flavor", "ram=1024", "--seed", "1")
    assert run(*given, "--report", tmp_path / "report.html").out == run(*given).out


def test_page_to_the_standard_output_leaves_nothing_else_there(hosts, capfd):
    assert main(["schedule", "--inventory", str(hosts), "--flavor", "ram=1024", "--report", "-"]) == 0
    said = capfd.readouterr()
    assert said.out.startswith("<!DOCTYPE html>")
    assert said.out.endswith("</html>")
    assert "1 of 1 request placed" in said.err


def test_password_of_a_url_is_not_on_the_page(run, hosts, tmp_path):
    page = tmp_path / "report.html"
    hint = "why=postgresql+psycopg://nova:s3cret@db/pool"
    run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--hint", hint, "--report", page)
    text = page.read_text(encoding="utf-8")
    assert "s3cret" not in text
    assert "postgresql+psycopg://nova:****@db/pool" in text


def test_full_disk_is_one_line_and_leaves_no_file(run, hosts, tmp_path):
    resource = pytest.importorskip("resource", reason="the system has no limits")
    page = tmp_path / "report.html"
    before = sorted(os.listdir(tmp_path))
    old_limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, old_limits[1]))
    try:
        said = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--report", page)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limits)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert said.status == 2
    assert said.err == f"filtersched: error: {page} cannot be written: File too large\n"
    assert sorted(os.listdir(tmp_path)) == before


def test_earlier_page_stays_when_the_run_fails(run, hosts, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("before")
    assert run("schedule", "--inventory", hosts, "--requests", tmp_path / "none", "--report", page).status == 2
    assert page.read_text() == "before"


def test_folder_that_is_not_there_is_told_before_the_run(run, hosts, tmp_path):
    said = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--report", tmp_path / "none" / "report.html")
    assert (said.status, said.out) == (2, "")
    assert "cannot be written" in said.err


@pytest.mark.parametrize("flag", ["--output", "--inventory"])
def test_page_takes_no_file_that_the_run_uses(run, hosts, tmp_path, flag):
    path = hosts if flag == "--inventory" else tmp_path / "both"
    more = () if flag == "--inventory" else ("--output", path)
    said = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--report", path, *more)
    assert said.status == 2
    assert "--report" in said.err


def test_missing_packages_are_told_before_the_run(run, hosts, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--report", tmp_path / "report.html")
    assert (said.status, said.out) == (2, "")
    assert "filtersched[report]" in said.err
