"""The systemd unit that `filtersched-proxy unit` prints."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from filtersched import ConfigurationError
from filtersched.ovirt.systemd_unit import unit_text

ROOT = Path(__file__).parents[2]
NEEDS_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def line(text: str, key: str) -> list[str]:
    return [each.removeprefix(f"{key}=") for each in text.splitlines() if each.startswith(f"{key}=")]


def analyze(tmp_path: Path, text: str, *arguments: str) -> str:
    unit = tmp_path / "filtersched-proxy.service"
    unit.write_text(text)
    command = ["systemd-analyze", *arguments, str(unit)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_unit_in_etc_is_what_the_command_prints_for_the_documented_place():
    text = unit_text(["/opt/filtersched-proxy/bin/filtersched-proxy"], [])
    assert (ROOT / "etc" / "ovirt" / "filtersched-proxy.service").read_text() == text


def test_secrets_are_handed_in_by_the_names_of_their_files():
    text = unit_text(["/x"], ["/etc/a/engine.password", "/etc/b/proxy.key"])
    assert line(text, "LoadCredential") == ["engine.password:/etc/a/engine.password", "proxy.key:/etc/b/proxy.key"]
    assert line(text, "DynamicUser") == ["yes"]


def test_without_secrets_nothing_is_handed_in():
    assert "LoadCredential" not in unit_text(["/x"], [])


def test_a_user_of_ones_own_reads_the_secrets_itself():
    text = unit_text(["/x"], ["/etc/a/engine.password"], user="scheduler")
    assert line(text, "User") == ["scheduler"]
    assert "DynamicUser" not in text
    assert "LoadCredential" not in text


@pytest.mark.parametrize("secrets", [["/a/key", "/b/key"], ["/a/k:ey"]])
def test_secrets_that_cannot_be_handed_in_are_named(secrets):
    with pytest.raises(ConfigurationError, match="rename it"):
        unit_text(["/x"], secrets)


def test_one_file_for_certificate_and_password_is_handed_in_once():
    assert line(unit_text(["/x"], ["/a/key", "/a/key"]), "LoadCredential") == ["key:/a/key"]


@pytest.mark.parametrize("program", ['/a"b', "/a'b", "/a\\b", "/a$b"])
def test_a_program_that_systemd_cannot_start_is_named(program):
    with pytest.raises(ConfigurationError, match="cannot stand in a unit"):
        unit_text([program], [])


@NEEDS_SYSTEMD
@pytest.mark.parametrize("user", [None, "root"])
def test_systemd_accepts_the_unit_without_a_word(tmp_path, user):
    program = tmp_path / "a %n b" / "true"
    program.parent.mkdir()
    program.symlink_to("/bin/true")
    text = unit_text([str(program), "--config-file", "/etc/my conf"], [f"{tmp_path}/50% key"], user=user)
    assert analyze(tmp_path, text, "verify") == ""


@NEEDS_SYSTEMD
def test_systemd_finds_few_rights_that_could_be_taken_away(tmp_path):
    said = analyze(tmp_path, unit_text(["/bin/true"], []), "security", "--offline=yes", "--no-pager")
    assert "Overall exposure level for filtersched-proxy.service: 1.2 OK" in said
    left = {row.split()[1].partition("=")[0] for row in said.splitlines() if row.startswith("✗")}
    assert left == {
        "SystemCallFilter",  # @resources: each worker limits itself
        "RestrictAddressFamilies",
        "IPAddressDeny",
        "PrivateNetwork",
        "RootDirectory",
        "ProcSubset",  # os.getloadavg() reads /proc
        "DeviceAllow",
    }
