"""Server groups from files."""

from __future__ import annotations

import json

import pytest

from filtersched.errors import InventoryError
from filtersched.inventory import read_groups


def groups_in(tmp_path, text):
    path = tmp_path / ("groups.csv" if isinstance(text, str) else "groups.json")
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return [(one.uuid, one.policy, dict(one.rules), one.name) for one in read_groups(path)]


@pytest.mark.parametrize(
    "given",
    [
        {"uuid": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}, "name": "web"},
        [{"uuid": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}, "name": "web"}],
        {
            "server_groups": [
                {
                    "id": "g",
                    "name": "web",
                    "policy": "anti-affinity",
                    "rules": {"max_server_per_host": 2},
                    "members": ["i1"],
                    "project_id": "p",
                    "user_id": "u",
                }
            ]
        },
        [{"ID": "g", "Name": "web", "Policy": "anti-affinity", "Rules": {"max_server_per_host": 2}, "Members": []}],
        "uuid,name,policy,rules.max_server_per_host\ng,web,anti-affinity,2\n",
    ],
    ids=["record", "list", "nova", "openstack", "csv"],
)
def test_group_is_read_from_every_form(tmp_path, given):
    assert groups_in(tmp_path, given) == [("g", "anti-affinity", {"max_server_per_host": 2}, "web")]


def test_list_of_one_policy_is_that_policy(tmp_path):
    given = {"server_groups": [{"id": "g", "name": "web", "policies": ["affinity"], "members": [], "metadata": {}}]}
    assert groups_in(tmp_path, given) == [("g", "affinity", {}, "web")]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ([{"policy": "affinity"}], "uuid"),
        ([{"uuid": "g", "policy": "affinity"}, {"uuid": "g", "policy": "affinity"}], "twice"),
        ([{"uuid": "g", "policy": 3}], "policy"),
        ([], "no server_groups"),
    ],
)
def test_what_is_no_group_is_named_with_its_line(tmp_path, given, word):
    with pytest.raises(InventoryError, match=word) as raised:
        groups_in(tmp_path, given)
    assert "groups.json" in str(raised.value)
