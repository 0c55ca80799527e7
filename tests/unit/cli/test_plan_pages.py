"""The pages of the planning commands: their numbers are those of the JSON."""

from __future__ import annotations

import contextlib
import io
import json
import re
from html import unescape

import pytest

pytest.importorskip("matplotlib", reason="the extra report is not installed")
pytest.importorskip("jinja2", reason="the extra report is not installed")

from filtersched.cli.main import main


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """Runs a command on four hosts, two of which are in an aggregate; its JSON, and the rows of its page."""
    folder = tmp_path_factory.mktemp("planned")
    inventory = folder / "running.jsonl"
    lines = [
        {
            "host": f"cmp{nr}",
            "vcpus_total": 8,
            "vcpus_used": 2 * nr,
            "total_usable_ram_mb": 8192,
            "free_ram_mb": 8192 - 1024 * nr,
            "num_instances": nr,
            "instances": [{"uuid": f"i{nr}-{at}", "flavor": {"memory_mb": 1024, "vcpus": 2}} for at in range(nr)],
            "aggregates": [{"name": "old", "metadata": {}}] if nr in (2, 3) else [],
        }
        for nr in range(4)
    ]
    inventory.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def reported(*argv):
        page = folder / "page.html"
        page.unlink(missing_ok=True)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            main([*argv, "--inventory", str(inventory), "--format", "json", "--report", str(page)])
        found = re.findall(r"<tr>(.*?)</tr>", page.read_text(encoding="utf-8"), re.DOTALL)
        cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in found]
        return json.loads(out.getvalue()), [[unescape(cell) for cell in row] for row in cells]

    return reported


def test_page_of_a_drain_has_its_moves_and_what_they_come_to(reported):
    said, rows = reported("drain", "cmp3")
    assert len(said["moves"]) == 3
    for move in said["moves"]:
        assert any(
            row[:4] == [str(move["number"]), move["instance_uuid"], move["source"], move["target"]] for row in rows
        )
    assert ["moves", "3"] in rows
    assert [said["measure"], f"{said['measure_before']:g} -> {said['measure_after']:g}"] in rows


def test_page_of_a_rebalance_has_the_use_before_and_after(reported):
    said, rows = reported("rebalance")
    assert said["moves"]
    for name, before in said["before"]["used_share"].items():
        (row,) = [row for row in rows if row[0] == name and len(row) == 5]
        numbers = [before, said["after"]["used_share"][name], said["before"]["deviation"][name]]
        assert [float(cell) for cell in row[1:4]] == pytest.approx(numbers, rel=1e-5)


def test_page_of_waves_has_its_moves_wave_by_wave(reported):
    said, rows = reported("waves", "--aggregate", "old", "--at-once", "1")
    moves = [move for wave in said["waves"] for moves in wave["rounds"] for move in moves]
    assert len(moves) == 5
    for move in moves:
        assert any(row[2:5] == [move["instance_uuid"], move["source"], move["target"]] for row in rows)


def test_page_of_an_audit_has_what_is_refused(reported):
    said, rows = reported("audit", "--filters", "NumInstancesFilter", "--max_instances_per_host=2")
    assert said["broken"]
    for one in said["broken"]:
        assert any(row[0] == one["instance_uuid"] for row in rows)
    assert ["instances asked about", str(said["asked"])] in rows


def test_page_of_capacity_has_what_fits_of_each_kind(reported):
    said, rows = reported("capacity", "--flavor", "ram=1024,vcpus=1", "--flavor", "ram=4096,vcpus=2")
    for one in said["alone"]:
        assert any(row[:2] == [one["name"], f"{one['count']:,}"] for row in rows)
