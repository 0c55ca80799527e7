"""What an explanation shows in a notebook."""

from __future__ import annotations

import pytest

from filtersched import FilterScheduler, Flavor, HostPool, HostState, NoValidHost, RequestSpec, make_conf


@pytest.fixture
def decide():
    sizes = {"a<1>": 512, "b": 256}
    pool = HostPool(HostState(name, total_usable_ram_mb=ram, free_ram_mb=ram) for name, ram in sizes.items())
    scheduler = FilterScheduler(make_conf(enabled_filters="RamFilter", weight_classes="RAMWeigher"))
    return lambda ram: scheduler.select_destinations(RequestSpec(Flavor(memory_mb=ram)), pool)


def test_choice_shows_the_host_the_runner_up_and_what_weighers_gave(decide):
    html = decide(100)[0].explanation._repr_html_()
    assert "chosen: <b>a&lt;1&gt;</b>, weight 1; 0.5 ahead of b" in html
    assert "<td>RAMWeigher</td><td>512</td><td>1</td><td>1</td><td>1</td>" in html


def test_refusal_shows_counts_and_the_nearest_misses(decide):
    with pytest.raises(NoValidHost) as refusal:
        decide(4096)
    html = refusal.value.explanation._repr_html_()
    assert "<td>RamFilter</td><td>2</td><td>0</td>" in html
    assert "<td>a&lt;1&gt;</td><td>RamFilter: " in html
