"""Who the service is, as its unit says, and what that user can read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from filtersched import ConfigurationError
from filtersched.ovirt.systemd_unit import ServiceUser, unit_text


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    path = tmp_path / "filtersched-proxy.service"
    path.write_text(unit_text(["/x"], ["/etc/50% a/engine.password"]))
    return path


def test_without_a_unit_systemd_makes_the_user(tmp_path):
    assert ServiceUser.of_unit(str(tmp_path / "none")) == ServiceUser(None, None)


def test_the_unit_says_which_files_it_hands_in(unit):
    assert ServiceUser.of_unit(str(unit)) == ServiceUser(None, frozenset(["/etc/50% a/engine.password"]))


def test_a_drop_in_may_change_the_user_and_hand_in_more(unit):
    drop_ins = Path(f"{unit}.d")
    drop_ins.mkdir()
    (drop_ins / "a.conf").write_text("[Service]\nDynamicUser=no\nUser=nobody\nLoadCredential=key:/etc/key\n")
    user = ServiceUser.of_unit(str(unit))
    assert user == ServiceUser("nobody", frozenset(["/etc/50% a/engine.password", "/etc/key"]))


def test_a_user_that_does_not_exist_is_an_error():
    with pytest.raises(ConfigurationError, match="user 'no-such-user' does not exist"):
        ServiceUser("no-such-user").unreadable([])


def test_root_reads_everything(tmp_path):
    (tmp_path / "a").touch(0o000)
    assert ServiceUser("root").unreadable([str(tmp_path / "a")]) == []


def test_a_named_user_checks_with_runuser():
    assert ServiceUser("ovirt").command(["/x y", "--check"], ["/a"]) == "runuser -u ovirt -- '/x y' --check"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below /tmp, where folders don't count."""
    if not os.access("/var/lib", os.W_OK):
        pytest.skip("only root can write to a folder that the service sees")
    with tempfile.TemporaryDirectory(dir="/var/lib") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    ("mode", "folder_mode", "blamed"),
    [
        (0o644, 0o755, None),
        (0o604, 0o701, None),
        (0o640, 0o755, "file"),
        (0o600, 0o755, "file"),
        (0o644, 0o750, "folder"),
        (0o644, 0o744, "folder"),
        (0o600, 0o700, "folder"),
    ],
)
def test_the_file_or_the_folder_that_is_in_the_way_is_named(folder, mode, folder_mode, blamed):
    path = folder / "inner" / "file"
    path.parent.mkdir()
    path.touch()
    path.chmod(mode)
    path.parent.chmod(folder_mode)
    place = {None: None, "file": path, "folder": path.parent}[blamed]
    expected = [] if place is None else [
        f"{path} cannot be read by the service's own user: {place} has mode {place.stat().st_mode & 0o777:o}."
    ]
    assert ServiceUser().unreadable([str(path)]) == expected


def test_a_link_leads_through_folders_too(folder):
    private = folder / "private"
    private.mkdir(0o700)
    (private / "file").touch()
    link = folder / "link"
    link.symlink_to(private / "file")
    assert ServiceUser().unreadable([str(link)]) == [
        f"{link} cannot be read by the service's own user: {private} has mode 700."
    ]


@pytest.mark.parametrize(("folder_mode", "count"), [(0o755, 0), (0o711, 1), (0o744, 1)])
def test_a_folder_of_plugins_must_be_listed_and_entered(folder, folder_mode, count):
    inner = folder / "inner"
    inner.mkdir()
    inner.chmod(folder_mode)
    assert len(ServiceUser().unreadable([str(inner)])) == count


def test_the_group_and_the_owner_count_for_a_user_of_the_units_own(folder):
    path = folder / "file"
    path.touch()
    os.chown(path, 0, 65534)
    path.chmod(0o640)
    assert len(ServiceUser().unreadable([str(path)])) == 1
    os.chown(path, 65534, 0)
    path.chmod(0o400)
    assert ServiceUser("65534").unreadable([str(path)]) == []
