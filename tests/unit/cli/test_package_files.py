"""The files that are installed with the command: completions, man page, samples and examples."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from filtersched.cli.package_files import FILES
from filtersched.cli.parsers import make_parser
from filtersched.loading import list_opts
from filtersched.ovirt.command import make_parser as make_proxy_parser
from filtersched.ovirt.settings import OPTIONS as PROXY_OPTIONS
from filtersched.settings.options import NO_EFFECT

ROOT = Path(__file__).resolve().parents[3]
COPIES = [path for path in FILES if path.startswith(("etc/", "examples/"))]
SHELLS = ("bash", "zsh", "fish")
COMPLETE_IN_BASH = """
source "$1"; shift
COMP_WORDS=(filtersched "$@") COMP_CWORD=$#
_shtab_filtersched
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(path, *words):
    """What bash offers for the last of the words."""
    command = ["bash", "-c", COMPLETE_IN_BASH, "bash", str(path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout.split()


@pytest.fixture
def script(run, tmp_path):
    def script(shell):
        path = tmp_path / f"filtersched.{shell}"
        path.write_text(run("completion", shell).out)
        return path

    return script


def own_flags():
    _parser, commands = make_parser()
    return {
        flag
        for command in commands.values()
        for action in command._actions
        for flag in action.option_strings
        if flag.startswith("--")
    } - {"--help"}


def setting_flags():
    without_effect = {(group, opt.dest) for group, opt in NO_EFFECT}
    return {
        "--" + opt.dest.replace("_", "-")
        for group, opts in list_opts()
        for opt in opts
        if group == "DEFAULT" and (group, opt.dest) not in without_effect
    }


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_knows_every_command_flag_and_setting(run, shell):
    words = set(re.findall(r"[\w-]+", run("completion", shell).out))
    mark = "" if shell == "fish" else "--"  # fish: complete -l inventory
    wanted = {mark + flag.removeprefix("--") for flag in own_flags() | setting_flags()}
    assert wanted | set(make_parser()[1]) <= words, "run: tox -e reference"


def test_man_page_knows_every_command_flag_and_setting(run):
    page = re.sub(r"\\f.", "", run("man").out).replace("\\-", "-")
    words = set(re.findall(r"[\w-]+", page))
    assert own_flags() | setting_flags() | set(make_parser()[1]) <= words, "run: tox -e reference"


def test_bash_offers_commands_flags_settings_and_choices(script):
    path = script("bash")
    assert completed(path, "sch") == ["schedule"]
    assert completed(path, "why", "--inv") == ["--inventory"]
    assert completed(path, "schedule", "--ram-w") == ["--ram-weight-multiplier"]
    assert completed(path, "schedule", "--group-policy", "soft-anti") == ["soft-anti-affinity"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_offers_commands_and_settings(script):
    def offered(line):
        command = ["fish", "-c", f"source {script('fish')}; complete -C '{line}'"]
        lines = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout.splitlines()
        return [line.partition("\t")[0] for line in lines]

    assert offered("filtersched sch") == ["schedule"]
    assert offered("filtersched schedule --ram-w") == ["--ram-weight-multiplier"]


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_can_parse_its_script(script, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(script(shell))], capture_output=True, timeout=240, check=True)


def test_man_page_of_the_proxy_knows_every_flag_and_setting(run):
    page = re.sub(r"\\f.", "", run("man", "filtersched-proxy").out).replace("\\-", "-")
    flags = {flag for action in make_proxy_parser()._actions for flag in action.option_strings}
    words = set(re.findall(r"[\w-]+", page))
    assert (flags - {"-h", "--help"}) | {opt.dest for opt in PROXY_OPTIONS} <= words, "run: tox -e reference"


@pytest.mark.parametrize("option", ["plugin_timeout", "dialect", "on_plugin_error"])
def test_man_page_of_the_proxy_says_what_a_setting_is_without_being_set(run, option):
    page = run("man", "filtersched-proxy").out
    assert {"plugin_timeout": "Default: 5.", "dialect": "Default: engine.", "on_plugin_error": "Default: skip."}[
        option
    ] in page.partition(f"fB{option}")[2].partition(".TP")[0]


def test_man_page_that_is_not_there_is_refused_with_the_choices(run):
    result = run("man", "nova")
    assert result.status == 2
    assert "'filtersched', 'filtersched-proxy'" in result.err


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("page", ["filtersched", "filtersched-proxy"])
def test_man_page_is_rendered_without_a_warning(run, page):
    command = ["groff", "-ww", "-man", "-Tutf8", "-P-bcou"]
    done = subprocess.run(command, input=run("man", page).out, capture_output=True, text=True, timeout=240, check=True)
    assert done.stderr == ""
    assert "EXIT STATUS" in done.stdout


def test_unknown_shell_is_refused_with_the_choices(run):
    result = run("completion", "tcsh")
    assert result.status == 2
    assert all(shell in result.err for shell in SHELLS)


@pytest.mark.parametrize("path", COPIES)
def test_installed_file_is_that_of_the_source(run, path):
    assert run("files", path).out == (ROOT / path).read_text(encoding="utf-8"), "run: tox -e reference"


def test_every_sample_and_example_of_the_source_is_installed():
    generators = {"filtersched-config-generator.conf", "sample-generator.conf"}
    # The other folder of examples is a project of its own, for who has the source.
    folders = ((ROOT / "etc").rglob("*"), (ROOT / "examples").glob("*"), (ROOT / "examples" / "nova").glob("*"))
    files = [path for folder in folders for path in folder if path.is_file()]
    assert sorted(COPIES) == sorted(
        path.relative_to(ROOT).as_posix() for path in files if path.name not in generators
    )


def test_files_lists_what_it_can_print(run):
    listed = [line.split()[0] for line in run("files").out.splitlines()[1:]]
    assert listed == list(FILES)
    assert [one["file"] for one in run("files", "--format", "json").json["files"]] == listed
    assert all(run("files", path).out for path in listed)


def test_sample_configuration_is_printed_by_config_sample(run):
    assert run("config", "sample").out == run("files", "filtersched.conf.sample").out
    assert run("config", "simple").status == 2


def test_file_is_found_by_the_last_part_of_its_path(run):
    assert run("files", "hosts.jsonl").out == run("files", "examples/hosts.jsonl").out


def test_copies_are_where_the_pages_name_them(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("files", "--copy", ".").out.splitlines() == list(FILES)
    assert run("schedule", "--inventory", "examples/hosts.jsonl", "--requests", "examples/requests.jsonl").status == 1


def test_copies_are_listed_for_programs(run, tmp_path):
    copied = run("files", "hosts.jsonl", "--copy", tmp_path, "--format", "json").json
    assert copied == {"version": 1, "copied": [str(tmp_path / "examples" / "hosts.jsonl")]}


def test_format_of_the_list_is_no_format_of_a_file(run):
    result = run("files", "hosts.jsonl", "--format", "csv")
    assert (result.status, "a file is printed as it is" in result.err) == (2, True)


def test_only_named_files_are_copied(run, tmp_path):
    run("files", "hosts.jsonl", "examples/hosts.jsonl", "--copy", tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").rglob("*.*")] == ["hosts.jsonl"]


def test_existing_file_is_not_overwritten_and_nothing_is_copied(run, tmp_path):
    mine = tmp_path / "examples" / "requests.jsonl"
    mine.parent.mkdir()
    mine.write_text("mine")
    result = run("files", "--copy", tmp_path)
    assert result.status == 2
    assert f"{mine} exists already" in result.err
    assert mine.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]


def test_directory_that_cannot_be_made_is_an_error(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("files", "--copy", tmp_path / "file")
    assert result.status == 2
    assert "cannot be written: Not a directory" in result.err


def test_file_that_is_not_installed_is_refused_with_the_nearest(run):
    result = run("files", "host.jsonl")
    assert result.status == 2
    assert "Did you mean 'examples/hosts.jsonl'?" in result.err
