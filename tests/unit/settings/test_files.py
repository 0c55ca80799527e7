"""The one reader of settings files."""

from __future__ import annotations

import pytest

from filtersched.errors import ConfigurationError
from filtersched.settings import make_conf, read_settings


@pytest.fixture
def read(tmp_path):
    def read_text(text: str | bytes):
        path = tmp_path / "settings.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_settings(path)

    return read_text


def test_bare_lines_belong_to_the_default_section(read):
    assert read("port=18781\nssl = true\n") == {"DEFAULT": {"port": ["18781"], "ssl": ["true"]}}


def test_sections_follow_bare_lines(read):
    assert read("a=1\n[Acme]\nb=2\n[DEFAULT]\nc=3\n") == {"DEFAULT": {"a": ["1"], "c": ["3"]}, "acme": {"b": ["2"]}}


def test_flags_become_settings(read):
    text = "--name=value\n--verbose\n--nodaemon\n--dashed-name = x=y\n--spaced value\n"
    assert read(text) == {
        "DEFAULT": {
            "name": ["value"],
            "verbose": ["true"],
            "daemon": ["false"],
            "dashed_name": ["x=y"],
            "spaced": ["value"],
        }
    }


def test_a_flag_inside_a_section_is_a_default_setting_and_the_section_goes_on(read):
    assert read("[acme]\na=1\n--verbose\nb=2\n") == {
        "DEFAULT": {"verbose": ["true"]},
        "acme": {"a": ["1"], "b": ["2"]},
    }


def test_repeated_names_keep_all_values_in_order(read):
    assert read("--f=a\n--f=b\n")["DEFAULT"]["f"] == ["a", "b"]


def test_comments_of_all_kinds_are_left_out(read):
    assert read("# a=1\n; b=2\n// c=3\n\n--d=4\n") == {"DEFAULT": {"d": ["4"]}}


def test_a_value_may_go_on_in_an_indented_line_and_keeps_dashes_there(read):
    assert read("[DEFAULT]\na = 1,\n  --2\n") == {"DEFAULT": {"a": ["1,\n--2"]}}


def test_quotes_are_taken_off_as_oslo_config_does(read):
    assert read("--a='b c'\n")["DEFAULT"]["a"] == ["b c"]


def test_only_a_line_feed_ends_a_line(read):
    assert read("--a=b\x0cc\u2028d\n") == {"DEFAULT": {"a": ["b\x0cc\u2028d"]}}


def test_an_empty_file_says_nothing(read):
    assert read("").get("DEFAULT", {}) == {}


def test_windows_line_ends_and_byte_order_mark_are_no_trouble(read, tmp_path):
    data = b"\xef\xbb\xbf[DEFAULT]\r\nservice_down_time = 5\r\n"
    assert read(data) == {"DEFAULT": {"service_down_time": ["5"]}}
    assert make_conf(files=[tmp_path / "settings.conf"]).service_down_time == 5


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a=1\n[broken\n", 2),
        ("--verbose\n\nnonsense\n", 3),
        ("  indented\n", 1),
        ("[s]\n--a=1\n  more\n", 3),
        ("--flagfile=other\n", 1),
        ("--a=1\n--\n", 2),
        ("--=3\n", 1),
        ("--no\n", 1),
    ],
)
def test_a_bad_line_is_named_with_file_and_line(read, text, number):
    with pytest.raises(ConfigurationError, match=rf"settings\.conf, line {number}: "):
        read(text)


def test_a_file_that_is_not_text_is_refused(read):
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read(b"\xff\xfe\x00")


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="directory"):
        read_settings(tmp_path)
