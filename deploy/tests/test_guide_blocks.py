"""What the guide's checker takes for a block, and what it does not let pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.guide.check.blocks import BadMarkdown, Block, read
from deploy.guide.check.inspection import in_psql, is_wanted, only_sets


def blocks_of(text: str, folder: Path) -> list[Block]:
    path = folder / "guide.md"
    path.write_text(text)
    return read(path, root=folder)


class TestABlock:
    def test_is_what_stands_between_fences(self, tmp_path: Path) -> None:
        (block,) = blocks_of("# Top\n\n## Part\n\n```bash\nmake help\n\nls\n```\n", tmp_path)

        assert (block.language, block.text) == ("bash", "make help\n\nls")
        assert (block.place, block.headings) == ("guide.md:6", ("Top", "Part"))

    def test_is_what_is_indented_after_a_blank_line(self, tmp_path: Path) -> None:
        (block,) = blocks_of("Run:\n\n    make demo\n\n    make test\n\nThen.\n", tmp_path)

        assert (block.language, block.line) == ("sh", 3)
        assert block.text == "make demo\n\nmake test"

    def test_in_an_item_is_one_too_when_it_is_fenced(self, tmp_path: Path) -> None:
        (block,) = blocks_of("1. Look:\n\n   ```bash\n   make help\n   ```\n", tmp_path)

        assert block.text == "make help"

    def test_is_below_the_nearest_headings_only(self, tmp_path: Path) -> None:
        text = "# A\n## B\n### C\n## D\n```sh\nls\n```\n"

        assert blocks_of(text, tmp_path)[0].headings == ("A", "D")

    def test_that_is_never_closed_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadMarkdown, match=r"guide\.md:1.*never closed"):
            blocks_of("```bash\nmake help\n", tmp_path)

    @pytest.mark.parametrize(
        "text",
        [
            "- item\n\n      ```bash\n      make help\n      ```\n",  # too far to the right
            "- item\n\n      make help\n",  # indented below an item
            "```{.bash}\nmake help\n```\n",
        ],
    )
    def test_that_would_be_passed_over_is_refused(self, text: str, tmp_path: Path) -> None:
        with pytest.raises(BadMarkdown, match=r"guide\.md:"):
            blocks_of(text, tmp_path)


class TestBlocksThatOnlySet:
    @pytest.mark.parametrize(
        "text", ["export A=1", "A=1 # why\nB='two words'", 'A="x y"', "# why\nexport A=b"]
    )
    def test_are_run_whatever_is_left_out(self, text: str) -> None:
        assert only_sets(Block(Path("x.md"), 1, "bash", text, ()))

    @pytest.mark.parametrize("text", ["A=$(curl x)", "A=1 ls", "ls", "export A=1\nls"])
    def test_do_nothing_else(self, text: str) -> None:
        assert not only_sets(Block(Path("x.md"), 1, "bash", text, ()))


class TestOnly:
    def test_takes_a_heading_or_a_file(self) -> None:
        block = Block(
            Path("deploy/guide/2-kubernetes.md"), 1, "bash", "ls", ("Phase 2: X", "2.1 Y")
        )

        assert is_wanted(block, "phase 2")
        assert is_wanted(block, "kubernetes.md")
        assert not is_wanted(block, "phase 3")


class TestStatements:
    def test_keep_their_lines_and_are_taken_back(self) -> None:
        block = Block(Path("x.md"), 10, "sql", "SELECT 1;\nSELECT 2;", ())

        run = in_psql(block)

        assert run.text.splitlines()[10 - run.line] == "SELECT 1;"
        assert "--command BEGIN" in run.text
        assert "--command ROLLBACK" in run.text
