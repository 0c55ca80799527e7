"""The page of a report: one file, complete, safe, and without a network."""

from __future__ import annotations

import re
import sys

import pytest

pytest.importorskip("matplotlib", reason="the extra report is not installed")
pytest.importorskip("jinja2", reason="the extra report is not installed")

import numpy as np

from filtersched import ConfigurationError, HostState
from filtersched.planning.html_report import HtmlReport
from filtersched.planning.report_sections import (
    Bar,
    Bars,
    HeatMap,
    Lines,
    StackedBars,
    Table,
    check_report_packages,
    heat_map,
)


def cloud(count):
    return [
        HostState(
            f"cmp{nr}",
            total_usable_ram_mb=1000,
            free_ram_mb=nr % 1000,
            vcpus_total=8,
            vcpus_used=nr % 8,
            aggregates=[{"name": f"z{nr % 3}", "metadata": {"availability_zone": f"z{nr % 3}"}}],
        )
        for nr in range(count)
    ]


def page(*sections, **given):
    return HtmlReport("Report", sections=sections, **given).html()


def rows(text):
    """The texts of the cells of each row of the page."""
    found = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in found]


@pytest.fixture(scope="module")
def full():
    return page(
        heat_map(cloud(30)),
        Lines("Use over time", "requests", {"RAM": ([0, 1, 2], [0.1, 0.5, 0.25])}),
        Bars("Refusals by filter", "requests", [Bar("RamFilter", 31, ["cmp1 lacks 512 MB", "cmp2 lacks 1 MB"])]),
        StackedBars("Weights", "weight", ["cmp1", "cmp2"], {"RAMWeigher": [1.0, 0.5], "CPUWeigher": [0.5, -0.25]}),
        Table("Configurations", ("metric", "a.conf"), [("placed", 1234), ("imbalance", None)]),
        facts=[("command", "filtersched schedule")],
        settings=[("[DEFAULT] verbose", "true", "command line")],
    )


def test_every_section_with_a_picture_has_one(full):
    assert full.count("<svg") == full.count("</svg>") == 4
    labels = re.findall(r'aria-label="([^"]*)"', full)
    assert labels == ["Hosts in use", "Use over time", "Refusals by filter", "Weights"]


def test_numbers_stand_in_tables_too(full):
    found = rows(full)
    assert ["z1", "10", "98.6", "41.2"] in found
    assert ["RAM", "10.0 %", "50.0 %", "25.0 %"] in found
    assert ["RamFilter", "31", "cmp1 lacks 512 MB\ncmp2 lacks 1 MB"] in found
    assert ["cmp2", "0.5", "-0.25", "0.25"] in found
    assert ["placed", "1,234"] in found
    assert ["imbalance", "-"] in found


def test_facts_and_settings_are_told(full):
    assert ["command", "filtersched schedule"] in rows(full)
    assert ["[DEFAULT] verbose", "true", "command line"] in rows(full)


def test_page_needs_no_network_and_no_scripts(full):
    links = re.findall(r'(?:src|href)="([^"]*)"', full)
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "<script" not in full
    assert "@import" not in full
    assert not re.search(r"url\((?!#|data:)", full)


def test_references_inside_pictures_lead_to_one_element_each(full):
    ids = re.findall(r' id="([^"]*)"', full)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', full))
    assert used <= set(ids)
    assert len(set(ids)) == len(ids)


def test_colors_of_text_and_lines_are_the_readers(full):
    assert "var(--ink)" in full
    assert "#010203" not in full
    assert "#040506" not in full


def test_text_is_escaped_everywhere():
    bad = "<script>alert(1)</script>&$x$"
    zone = [{"name": "z", "metadata": {"availability_zone": bad}}]
    hosts = [HostState(bad, total_usable_ram_mb=10, free_ram_mb=5, aggregates=zone)]
    text = page(
        heat_map(hosts),
        Bars(bad, bad, [Bar(bad, 1, [bad])], note=bad),
        StackedBars(bad, bad, [bad], {bad: [1.0]}),
        Lines(bad, bad, {bad: ([0, 1], [0, 1])}),
        Table(bad, (bad,), [(bad,)]),
        facts=[(bad, bad)],
        settings=[(bad, bad, bad)],
    )
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;$x$" in text


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("name", "shown"), [("日本", "日本"), ("a\x00\x1b[31m", r"a\x00\x1b[31m"), ("\ud800", r"\ud800"), ("$x^$", "$x^$")]
)
def test_any_name_can_be_shown(name, shown):
    text = page(
        Bars(name, name, [Bar(name, 1, [name])]),
        StackedBars(name, name, [name], {name: [1.0]}),
        Lines(name, name, {name: ([0, 1], [0, 1])}),
        HeatMap(name, [name], [name], {name: np.array([0.5])}),
        facts=[(name, name)],
    )
    assert text.encode().decode() == text
    assert f"<h2>{shown}</h2>" in text
    assert len(re.findall(rf">\s*{re.escape(shown)}\s*</text>", text)) >= 6


def test_name_with_an_underscore_in_front_stands_in_the_legend():
    text = page(Lines("Use", "requests", {"_first.conf": ([0, 1], [0, 1])}))
    assert re.search(r">\u200b_first\.conf</text>", text)


def test_file_of_the_user_changes_no_picture(monkeypatch):
    import matplotlib

    section = Bars("Refusals", "hosts", [Bar("RamFilter", 1)])
    before = page(section)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30)
    assert page(section) == before
    assert matplotlib.rcParams["font.size"] == 30


def test_same_report_is_the_same_page(full):
    once, again = (page(Bars("Refusals", "hosts", [Bar("RamFilter", 1)])) for _ in range(2))
    assert once == again


def test_large_cloud_stays_below_the_limit():
    sections = [
        heat_map(cloud(5_000)),
        Lines("Use", "requests", {name: (np.arange(50_000.0), np.linspace(0, 1, 50_000)) for name in ("a", "b", "c")}),
        Bars("Refusals", "hosts", [Bar(f"Filter{nr}", nr) for nr in range(60)]),
    ]
    text = page(*sections)
    assert len(text.encode()) < 1_500_000
    assert "and 4,000 more rows" in text


@pytest.mark.parametrize(
    "section",
    [
        heat_map([]),
        heat_map([HostState("bare")]),
        HeatMap("Hosts", [], [], {}),
        Bars("Refusals", "hosts", []),
        StackedBars("Weights", "weight", [], {}),
        Lines("Use", "requests", {}),
        Lines("Use", "requests", {"RAM": ([], [])}),
        Lines("Use", "requests", {"RAM": ([0], [0.5])}),
        Table("Rows", ("a",), []),
    ],
)
def test_section_without_anything_in_it_is_no_error(section):
    assert section.title in page(section)


def test_oversubscribed_and_missing_resources_are_told_as_they_are():
    hosts = [HostState("a", total_usable_ram_mb=100, free_ram_mb=-50), HostState("b", vcpus_total=4, vcpus_used=1)]
    found = rows(page(heat_map(hosts)))
    assert ["(no zone)", "2", "150", "25"] in found
    assert ["a", "(no zone)", "150", "-"] in found


def test_missing_packages_are_named_with_their_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigurationError, match=r"filtersched\[report\]"):
        check_report_packages()
