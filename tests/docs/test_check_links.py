"""The check of the site's links notices a link that leads nowhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "check_links.py"


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check_links", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def site(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "page.html").write_text('<h1 id="here">x</h1><a href="../index.html#top">up</a>')

    def site(link):
        (tmp_path / "index.html").write_text(f'<h1 id="top">x</h1><a href="{link}">x</a>')
        return tmp_path

    return site


@pytest.mark.parametrize("link", ["sub/page.html", "sub/page.html#here", "#top", "https://example.org/x#y", "sub/../"])
def test_link_that_leads_somewhere_is_no_problem(check, site, link):
    assert check.problems(site(link)) == []
    assert check.main(str(site(link))) == 0


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("sub/none.html", "no such file"),
        ("sub/page.html#there", "no such anchor"),
        ("#bottom", "no such anchor"),
        ("http://example.org/", "https"),
    ],
)
def test_link_that_leads_nowhere_is_named_with_its_page(check, site, link, problem):
    (found,) = check.problems(site(link))
    assert found.startswith(f"index.html: {link}: ")
    assert problem in found
    assert check.main(str(site(link))) == 1


def test_directory_without_a_site_fails(check, tmp_path):
    assert check.main(str(tmp_path)) == 1
