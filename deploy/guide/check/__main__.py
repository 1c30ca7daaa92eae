"""`python -m deploy.guide.check`, which `make guide-check` calls."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import django

from deploy.guide.check import prose
from deploy.guide.check.blocks import BadMarkdown, Block, read
from deploy.guide.check.inspection import OUTPUT, Checked, inspect, is_command, is_wanted
from deploy.guide.check.overlay import NoOverlay
from deploy.guide.check.programs import Missing
from deploy.guide.check.scratch import CannotStart
from deploy.guide.check.workshop import Workshop, opened

ROOT = Path(__file__).resolve().parents[3]
KUBECTL = ROOT / ".venv-deploy" / "bin" / "kubectl"
WORDS = {"run": "run", "offline": "checked offline", "data": "data"}
TAIL = 15


def main() -> int:
    given = _arguments()
    started = time.monotonic()
    files = [path.resolve() for path in given.files] or guide_files(ROOT)
    try:
        found = {path: read(path, root=ROOT) for path in files}
        if not any(is_wanted(block, given.only) for part in found.values() for block in part):
            print(f"No block stands below a heading with {given.only!r}.", file=sys.stderr)
            return 2
        if given.list:
            return _list(found.values(), only=given.only)
        print("Starting a demo, and a cluster that holds the production overlay …", flush=True)
        data = ROOT / os.environ.get("DATA_DIR", ".data") / "guide-check"
        with opened(root=ROOT, data=data, kubectl=given.kubectl) as workshop:
            print(f"  {time.monotonic() - started:.1f} s", flush=True)
            checked = list(_check(found, workshop, only=given.only))
    except (BadMarkdown, CannotStart, Missing, NoOverlay, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    refused = [] if given.only else _prose(files)
    return _close(checked, refused, seconds=time.monotonic() - started)


def guide_files(root: Path) -> list[Path]:
    """In the order in which a reader meets them."""
    return [
        root / "README.md",
        root / "deploy" / "README.md",
        *sorted((root / "deploy" / "guide").glob("*.md")),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make guide-check ARGS=…",
        description="Run every command of the guide and of README.md, or try it offline where it "
        "needs a cluster. Exits with 1 when one of them does not work, and says where.",
    )
    parser.add_argument("--list", action="store_true", help="Name the blocks; run nothing.")
    parser.add_argument(
        "--only",
        default="",
        metavar="WORDS",
        help="Blocks below a heading, or in a file, with these words: --only 'phase 2'. What only "
        "sets variables is run in any case.",
    )
    parser.add_argument(
        "--kubectl", type=Path, default=KUBECTL, help="Default: .venv-deploy/bin/kubectl."
    )
    parser.add_argument("files", nargs="*", type=Path, help="Default: the guide and README.md.")
    return parser.parse_args()


def _list(parts: Iterable[list[Block]], *, only: str) -> int:
    for block in (block for part in parts for block in part if is_wanted(block, only)):
        what = "command" if is_command(block) else block.language or "?"
        first = next(iter(block.text.splitlines()), "")
        print(f"{block.place:34} {what:8} {(block.headings or ('',))[-1]:36.36} {first:.60}")
    return 0


def _check(found: dict[Path, list[Block]], workshop: Workshop, *, only: str) -> Iterable[Checked]:
    """The guide's parts are one text, read in one shell; README.md is another."""
    texts: dict[str, list[Block]] = {}
    for path, blocks in found.items():
        texts.setdefault("guide" if "deploy" in path.parts else "readme", []).extend(blocks)
    for name, blocks in texts.items():
        shell = workshop.shell(name)
        yield from inspect(blocks, shell=shell, root=ROOT, only=only, watch=_tell)


def _prose(files: list[Path]) -> list[str]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notevault.settings.local")
    django.setup()
    return [line for path in files for line in prose.check(path, ROOT)]


def _tell(checked: Checked) -> None:
    block, outcome = checked.block, checked.outcome
    if checked.is_well:
        kind = WORDS[outcome.kind]
        what = " ".join(outcome.programs) if is_command(block) else block.language
        what = "as shown" if block.language == OUTPUT else what
        print(f"{kind:16} {block.place:34} {outcome.seconds:5.1f} s  {what}", flush=True)
        return
    print(f"{'FAILED':16} {block.path}:{outcome.line}  {outcome.error}", flush=True)
    for line in outcome.output.splitlines()[-TAIL:]:
        print(f"    | {line}")


def _close(checked: list[Checked], refused: list[str], *, seconds: float) -> int:
    for line in refused:
        print(f"{'FAILED':16} {line}")
    failed = sum(not one.is_well for one in checked) + len(refused)
    kinds = [one.outcome.kind for one in checked if one.is_well]
    counts = ", ".join(f"{kinds.count(kind)} {word}" for kind, word in WORDS.items())
    print(f"\n{len(checked)} blocks in {seconds:.0f} s: {counts}, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
