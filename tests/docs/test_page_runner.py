"""The runner of the pages notices when a page is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from .pages import PageError, blocks, run_page
from .reader import Reader, terminal


def run(tmp_path: Path, *lines: str) -> int:
    page = tmp_path / "page.md"
    page.write_text("\n".join(lines))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    with Reader(tmp_path, terminal(tmp_path, path)) as reader:
        return run_page(page, reader).run


def test_python_blocks_of_a_page_share_a_namespace(tmp_path: Path) -> None:
    assert run(tmp_path, "```python", "x = 1", "```", "text", "```python", "assert x == 1", "```") == 2


def test_python_block_that_raises_fails_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PageError, match=r"line 4: raised ZeroDivisionError"):
        run(tmp_path, "title", "", "```python", "1 / 0", "```")


def test_python_block_that_should_raise_and_does_not_fails(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="expected KeyError"):
        run(tmp_path, "<!-- raises: KeyError -->", "```python", "1", "```")


def test_python_block_that_raises_what_the_page_says_passes(tmp_path: Path) -> None:
    assert run(tmp_path, "<!-- raises: ZeroDivisionError -->", "```python", "1 / 0", "```") == 1


def test_text_behind_python_is_compared_with_what_it_prints(tmp_path: Path) -> None:
    page = ["```python", "print('seven')", "```", "", "```text", "eight", "```"]
    with pytest.raises(PageError, match="eight"):
        run(tmp_path, *page)
    page[5] = "s...n"
    assert run(tmp_path, *page) == 1


def test_text_behind_words_is_not_output(tmp_path: Path) -> None:
    assert run(tmp_path, "```python", "1", "```", "For example", "```text", "anything", "```") == 1


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["$ false"], "ended with status 1"),
        (["$ echo one", "two"], "the page shows"),
        (["echo one"], "output without a command"),
        ([""], "output without a command"),
    ],
)
def test_console_block_that_shows_something_else_fails(tmp_path: Path, lines: list[str], complaint: str) -> None:
    with pytest.raises(PageError, match=complaint):
        run(tmp_path, "```console", *lines, "```")


def test_console_commands_run_one_after_another_in_one_directory(tmp_path: Path) -> None:
    assert run(tmp_path, "```console", "$ echo one > f", "$ cat f", "one", "$ echo \\", "> two", "two", "```") == 1


def test_console_commands_share_variables_and_directory(tmp_path: Path) -> None:
    page = ["```console", "$ mkdir d", "$ cd d; export WORD=here; other=too; f() { echo f; }", "```", "words"]
    page += ["```console", "$ echo $WORD $other $(basename $PWD)", "here too d", "```"]
    assert run(tmp_path, *page) == 2


def test_no_variable_of_the_tests_reaches_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("FILTERSCHED_WORD", "here")
    page = ["```console", "$ echo [$PYTHONPATH$FILTERSCHED_WORD]", "[]", "```"]
    page += ["```python", "import os; print(os.environ.get('PYTHONPATH'))", "```", "```text", "None", "```"]
    assert run(tmp_path, *page) == 2


def test_blocks_that_are_not_run_are_counted_with_their_reasons(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: it needs a cloud -->\n```console\n$ false\n```\n")
    with Reader(tmp_path, terminal(tmp_path)) as reader:
        assert run_page(page, reader) == (0, ["line 3: it needs a cloud"])


def test_console_block_may_end_with_the_status_that_the_page_says(tmp_path: Path) -> None:
    assert run(tmp_path, "<!-- exit: 3 -->", "```console", "$ true", "$ exit 3", "```") == 1
    with pytest.raises(PageError, match="not 3"):
        run(tmp_path, "<!-- exit: 3 -->", "```console", "$ true", "```")


def test_file_block_is_written_and_can_be_used(tmp_path: Path) -> None:
    page = ["<!-- file: a/b.txt -->", "```ini", "here", "```", "```console", "$ cat a/b.txt", "here", "```"]
    assert run(tmp_path, *page) == 2


def test_file_outside_the_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="outside"):
        run(tmp_path, "<!-- file: ../b.txt -->", "```ini", "here", "```")


def test_pycon_session_is_compared(tmp_path: Path) -> None:
    assert run(tmp_path, "```pycon", ">>> 1 + 1", "2", "```") == 1
    with pytest.raises(PageError, match="Expected"):
        run(tmp_path, "```pycon", ">>> 1 + 1", "3", "```")
    with pytest.raises(PageError, match=">>>"):
        run(tmp_path, "```pycon", "1 + 1", "```")


def test_block_that_is_not_run_says_why(tmp_path: Path) -> None:
    assert run(tmp_path, "<!-- not run: needs a network connection -->", "```console", "$ false", "```") == 0
    with pytest.raises(PageError, match="say why"):
        run(tmp_path, "<!-- not run: no -->", "```console", "$ false", "```")


@pytest.mark.parametrize("language", ["", "sh", "bash", "python3", "Python"])
def test_block_of_a_language_that_nothing_runs_is_refused(tmp_path: Path, language: str) -> None:
    with pytest.raises(PageError, match="must say what it is"):
        run(tmp_path, f"```{language}", "false", "```")


def test_block_that_is_not_closed_is_refused() -> None:
    with pytest.raises(PageError, match="not closed"):
        blocks("```python\n1\n")


def test_comment_holds_for_the_next_block_only(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="ended with status 1"):
        run(tmp_path, "<!-- exit: 1 -->", "words", "```console", "$ false", "```")
