"""The plug-in that docs/ovirt.md teaches, and the files in etc/ that it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

from filtersched.ovirt.settings import KEYS, OPTIONS, load

ROOT = Path(__file__).parents[2]
MIB = 1 << 20


def test_the_plugin_of_the_manual_works_as_it_is_printed(start, hosts, vm):
    text = (ROOT / "docs" / "ovirt.md").read_text()
    (plugin,) = re.findall(r"```python\n(class RoomToSpare.*?)```", text, re.DOTALL)
    daemon = start({"small.py": plugin}, {"dialect": "page"})
    hosts_text = "".join(
        f"<host id='{host}'><max_scheduling_memory>{free * MIB}</max_scheduling_memory>"
        f"<summary><active>{place}</active></summary></host>"
        for place, (host, free) in enumerate(zip(hosts, (2048, 2047, 1536), strict=False))
    )
    given = (f"<hosts>{hosts_text}</hosts>", f"<vm id='{vm}'><memory>{1024 * MIB}</memory></vm>")
    assert daemon.proxy.runFilters(["RoomToSpare"], *given, {}) == [hosts[0]]
    assert daemon.proxy.runFilters(["RoomToSpare"], *given, {"reserve_mb": "512"}) == hosts[:3]
    scored = daemon.proxy.runCostFunctions([["RoomToSpare", 1]], *given, {})
    assert scored == {host: place for place, host in enumerate(hosts[:3])}


def test_the_sample_file_says_the_defaults_and_names_every_key():
    sample = ROOT / "etc" / "ovirt" / "scheduler" / "scheduler.conf"
    settings = load(str(sample), environ={})
    assert {opt.dest: getattr(settings, opt.dest) for opt in OPTIONS if opt.default is not None} == {
        opt.dest: opt.default for opt in OPTIONS if opt.default is not None
    }
    assert set(re.findall(r"^#(\w+)=", sample.read_text(), re.MULTILINE)) >= KEYS


def test_the_values_in_the_sample_file_are_accepted(tmp_path):
    sample = (ROOT / "etc" / "ovirt" / "scheduler" / "scheduler.conf").read_text()
    lines = [line[1:] for line in sample.splitlines() if re.match(r"#\w+=", line)]
    here = [re.sub(r"=/etc/.*", f"={tmp_path}/file", line) for line in lines]
    (tmp_path / "file").write_text("")
    conf = tmp_path / "scheduler.conf"
    conf.write_text("\n".join(here))
    settings = load(str(conf), environ={"PYTHONPATH": "/x"})
    assert settings.warnings == []
    assert (settings.port, settings.plugin_timeout, settings.cost_scale) == (18781, 5.0, 1000)
