"""Blocks that are no commands: what holds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.guide.check import containers, prose
from deploy.guide.check.data import Wrong, check, compare

ROOT = Path(__file__).resolve().parents[2]


class TestSettings:
    def test_are_those_of_the_example(self) -> None:
        check("env", "# why\nWEB_THREADS=16\nBACKUP_KEEP=30", root=ROOT)

    @pytest.mark.parametrize("text", ["WEB_TREADS=16", "export WEB_THREADS=16", "WEB_THREADS 16"])
    def test_that_it_lacks_are_refused(self, text: str) -> None:
        with pytest.raises(Wrong, match="has no"):
            check("env", text, root=ROOT)


class TestOtherBlocks:
    @pytest.mark.parametrize(
        ("language", "text"),
        [
            ("yaml", "a: [1"),
            ("yaml", "- just a list"),
            ("json", "{"),
            ("mermaid", "flowchrt LR"),
            ("text", "Then:\n  kubectl get pods"),
            ("", "kubectl get pods"),
            ("ruby", "puts 1"),
        ],
    )
    def test_that_do_not_hold_are_refused(self, language: str, text: str) -> None:
        with pytest.raises(Wrong):
            check(language, text, root=ROOT)

    @pytest.mark.parametrize(
        ("language", "text"),
        [("yaml", "a: 1"), ("json", "[1]"), ("mermaid", "flowchart LR"), ("text", "a --> b")],
    )
    def test_that_hold_pass(self, language: str, text: str) -> None:
        check(language, text, root=ROOT)


class TestExpectedOutput:
    @pytest.mark.parametrize(
        ("expected", "actual"),
        [
            ("NAME  AGE\nx-1  2m", "NAME   AGE\nx-7f   14d\ny-2  1s"),
            ('{"status": "…", "n": 1}', '{"status": "degraded", "n": 2.5, "more": []}'),
            ('[{"id": "x"}]', '[{"id": "y"}, {"id": "z"}]'),
            ("ok … done", "ok and well done"),
        ],
    )
    def test_is_compared_in_shape(self, expected: str, actual: str) -> None:
        compare(expected, actual)

    @pytest.mark.parametrize(
        ("expected", "actual"),
        [
            ("NAME  AGE", "NAME  STATUS  AGE"),
            ("a\nb", "b\na"),
            ('{"status": "ok"}', '{"state": "ok"}'),
            ('{"n": 1}', '{"n": "1"}'),
            ('{"n": true}', '{"n": 1}'),
            ('{"n": 1}', "n is 1"),
        ],
    )
    def test_of_another_shape_is_refused(self, expected: str, actual: str) -> None:
        with pytest.raises(Wrong):
            compare(expected, actual)


class TestProse:
    @pytest.mark.parametrize(
        "line",
        [
            "Run `make halp` first.",
            "Run `manage.py verify_ledgers`.",
            "Run `manage.py backup --too x`.",
            "See [there](nowhere.md).",
            "See [there](#no-such-heading).",
        ],
    )
    def test_that_names_what_is_not_there_is_refused(self, line: str, tmp_path: Path) -> None:
        path = tmp_path / "guide.md"
        path.write_text(f"# Title\n\n{line}\n")

        (refusal,) = prose.check(path, ROOT, shown_as=path)

        assert refusal.startswith(f"{path}:3  ")

    def test_that_holds_passes(self, tmp_path: Path) -> None:
        path = tmp_path / "guide.md"
        path.write_text(
            "# A Title, with 1.2 & more\n\n`make test`, `manage.py backup --to x --dry-run`, "
            "`manage.py dead_letters list --group`, [up](#a-title-with-12--more)\n"
        )

        assert prose.check(path, ROOT, shown_as=path) == []


class TestDockerCommands:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "Dockerfile").write_text("ARG BASE\nFROM x AS service\nARG VERSION=1\n")
        return tmp_path

    @pytest.mark.parametrize(
        "words",
        [
            "build --target service --build-arg VERSION=2 -t r.example.com/a/b:v1 .",
            "push r.example.com/a/b:v1",
        ],
    )
    def test_that_could_work_pass(self, words: str, folder: Path) -> None:
        assert containers.pretend(words.split(), root=folder) == ""

    @pytest.mark.parametrize(
        "words",
        [
            "build --target servce -t r.example.com/a/b:v1 .",
            "build --build-arg VERSON=2 -t r.example.com/a/b:v1 .",
            "build -f Dockerfil -t r.example.com/a/b:v1 .",
            "build --tagg r.example.com/a/b:v1 .",
            "build -t r.example.com/a/b:v1 elsewhere",
            "push r.example.com/a/b:latest",
            "push r.example.com/a/b",
            "pusk r.example.com/a/b:v1",
        ],
    )
    def test_that_could_not_are_refused(self, words: str, folder: Path) -> None:
        with pytest.raises(containers.Wrong):
            containers.pretend(words.split(), root=folder)
