"""The sample configuration file in etc/ says what the options say."""

from __future__ import annotations

from pathlib import Path

from oslo_config import generator

from filtersched.loading import describe_plugins, load_filters
from filtersched.settings import make_conf, read_scheduler_settings

ETC = Path(__file__).parents[3] / "etc" / "filtersched"
SAMPLE = ETC / "filtersched.conf.sample"


def test_the_sample_is_what_the_generator_makes_now(tmp_path):
    made = tmp_path / "made.conf"
    generator.main(["--config-file", str(ETC / "filtersched-config-generator.conf"), "--output-file", str(made)])
    assert made.read_text() == SAMPLE.read_text(), (
        "run: oslo-config-generator --config-file etc/filtersched/filtersched-config-generator.conf"
    )


def test_the_sample_read_as_a_file_changes_nothing():
    assert read_scheduler_settings(make_conf(files=[SAMPLE])) == read_scheduler_settings(make_conf())


def test_the_sample_with_every_line_taken_in_is_a_valid_file(tmp_path):
    lines = SAMPLE.read_text().splitlines()
    settings = [line[1:] if line.startswith("#") and line[1:2].isalpha() else line for line in lines]
    everything = tmp_path / "everything.conf"
    everything.write_text("\n".join(line for line in settings if "<None>" not in line and not line.startswith("# ")))
    conf = make_conf(files=[everything])
    assert read_scheduler_settings(conf) == read_scheduler_settings(make_conf())
    assert load_filters(conf, read_scheduler_settings(conf)).enabled != []


def test_every_plug_in_of_the_library_can_be_imported():
    assert [each for each in describe_plugins() if each.target.startswith("filtersched.") and each.problem] == []
