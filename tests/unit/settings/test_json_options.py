"""The JSON file of filters' options."""

from __future__ import annotations

import os

import pytest

from filtersched import BaseHostFilter, FilterScheduler, HostState, NoValidHost, RequestSpec, make_conf
from filtersched.errors import ConfigurationError
from filtersched.settings.json_options import JsonOptions


class ConfiguredFilter(BaseHostFilter):
    """Refuse all hosts but the one that the JSON file names."""

    def host_passes(self, host_state, filter_properties):
        return filter_properties["config_options"].get("only") == host_state.host


def test_no_file_name_is_no_options():
    assert JsonOptions("").options() == {}


def test_the_file_is_read_again_when_it_changed(tmp_path):
    path = tmp_path / "options.json"
    path.write_text('{"a": 1}')
    options = JsonOptions(str(path))
    assert options.options() == {"a": 1}
    path.write_text('{"a": 2}')
    os.utime(path, ns=(0, 1))
    assert options.options() == {"a": 2}


@pytest.mark.parametrize(
    "text",
    ["{", "[1]", "", "[" * 100_000, b"\xff", '{"a": NaN}', '{"a": ' + "9" * 5000 + "}", '{"a": ' + "9" * 400 + "}"],
    ids=["cut", "list", "empty", "deep", "bytes", "nan", "5000 digits", "400 digits"],
)
def test_what_is_no_json_object_counts_as_empty_and_is_logged(tmp_path, caplog, text):
    path = tmp_path / "options.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert JsonOptions(str(path)).options() == {}
    assert str(path) in caplog.text


def test_a_missing_file_is_an_error():
    with pytest.raises(ConfigurationError, match=r"scheduler_json_config_location.*/no/such\.json"):
        JsonOptions("/no/such.json").options()


def test_filters_see_the_options_in_filter_properties(tmp_path):
    path = tmp_path / "options.json"
    path.write_text('{"only": "b"}')
    scheduler = FilterScheduler(
        make_conf(
            available_filters=f"{__name__}.ConfiguredFilter",
            enabled_filters="ConfiguredFilter",
            weight_classes="",
            scheduler_json_config_location=str(path),
        )
    )
    hosts = [HostState("a"), HostState("b")]
    assert scheduler.select_destinations(RequestSpec(), hosts)[0].host == "b"
    path.write_text("{}")
    os.utime(path, ns=(0, 1))
    with pytest.raises(NoValidHost):
        scheduler.select_destinations(RequestSpec(), hosts)
