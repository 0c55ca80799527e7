"""The site is complete: every public name has its section, pages are short, and drawings are current."""

from __future__ import annotations

import html
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import filtersched
import filtersched.inventory
import filtersched.testing

from .pages import blocks

DOCS = Path(__file__).resolve().parents[2] / "docs"
# Pages that nobody reads from top to bottom.
LOOKED_UP = ("api", "reference", "changelog.md", "compatibility.md", "glossary.md", "layout.md", "ovirt.md")
LEFT_OUT = ("_build", "plugin_template")
WORDS_A_MINUTE = 230
MINUTES = 5


def pages() -> list[Path]:
    found = (path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
    return sorted(path for path in found if path.parts[0] not in (*LOOKED_UP, *LEFT_OUT))


def words_of(page: Path) -> int:
    """The words of a page, without its code blocks and the addresses of its links."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(text):
        text = text.replace(block.text, "", 1)
    return len(re.findall(r"\w[\w'’-]*", re.sub(r"\]\([^)]*\)", "]", text)))


@pytest.mark.parametrize("page", pages(), ids=str)
def test_page_is_read_in_five_minutes(page):
    assert words_of(DOCS / page) <= MINUTES * WORDS_A_MINUTE


@pytest.mark.parametrize("module", [filtersched, filtersched.testing], ids=lambda module: module.__name__)
def test_every_public_name_has_its_section_in_the_reference(module):
    text = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    documented = set(re.findall(r"^\.\. auto(?:class|function|exception):: (?:[\w.]+\.)?(\w+)", text, re.MULTILINE))
    # The same class under Nova's name.
    assert set(module.__all__) - documented - {"BaseHostWeigher"} == set()


@pytest.mark.parametrize(
    "module",
    [
        "filtersched.plugins.columnar",
        "filtersched.hosts.aggregate_metadata",
        "filtersched.filters.utils",
        "filtersched.utils",
        "filtersched.testing.ovirt",
    ],
)
def test_helpers_of_authors_are_in_the_reference(module):
    text = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    assert re.search(rf"^\.\. automodule:: {re.escape(module)}\n   :members:", text, re.MULTILINE)


def test_readers_of_files_are_in_the_reference():
    text = (DOCS / "api" / "hosts.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\.\. autofunction:: (\w+)", text, re.MULTILINE))
    public = filtersched.inventory.__all__
    functions = {name for name in public if inspect.isfunction(getattr(filtersched.inventory, name))}
    assert functions - documented == set()


def test_drawing_of_the_layers_is_current():
    spec = importlib.util.spec_from_file_location("generate_layout", DOCS / "generate_layout.py")
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    drawn = (DOCS / "images" / "layers.svg").read_text(encoding="utf-8")
    assert drawn == generator.drawing(generator.layers()), "run: tox -e reference"


@pytest.mark.parametrize("source", sorted((DOCS / "images").glob("*.dot")), ids=lambda path: path.name)
def test_drawing_has_every_label_of_its_source(source):
    drawn = html.unescape(source.with_suffix(".svg").read_text(encoding="utf-8"))
    labels = re.findall(r'label="([^"]+)"', source.read_text(encoding="utf-8"))
    assert len(labels) > 5
    assert [line for label in labels for line in label.split(r"\n") if line not in drawn] == [], "run: tox -e pictures"


def test_architecture_page_says_what_each_folder_is_for():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page, re.MULTILINE)
    described = {name for row in rows for name in row.split(", ")}
    package = DOCS.parent / "filtersched"
    folders = {f"`{path.parent.name}`" for path in package.glob("*/__init__.py")}
    assert folders - described == set()


HABITS = r"as it stands|asked about|\bmeanwhile\b|\bnobody\b|\bno say\b|of (its|their) own\b|\bwhoever\b|in play"


def test_pages_avoid_words_that_make_a_reader_start_again():
    root = DOCS.parent
    read = [root / "README.md", root / "CONTRIBUTING.md", *(DOCS / page for page in pages())]
    found = [
        f"{page.relative_to(root)}: {line.strip()}"
        for page in read
        for line in page.read_text(encoding="utf-8").splitlines()
        if re.search(HABITS, line, re.IGNORECASE)
    ]
    assert found == []
