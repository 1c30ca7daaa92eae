"""Block after block of a file: run, compared, or read; and what became of each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.guide.check import data
from deploy.guide.check.blocks import Block
from deploy.guide.check.shell import Outcome, Shell

COMMANDS = ("bash", "sh")
OUTPUT, SQL = "output", "sql"
# On the demo's database, and taken back.
IN_PSQL = (
    'psql --quiet --set ON_ERROR_STOP=1 --dbname "$GUIDE_PGUSER" '
    "--command BEGIN --file - --command ROLLBACK <<'END-OF-SQL'"
)
_SETTING = re.compile(
    r"(export )?[A-Za-z_]\w*=\S*( *#.*)?|(export )?[A-Za-z_]\w*=(\"[^\"`$(]*\"|'[^']*')( *#.*)?"
)


@dataclass(frozen=True)
class Checked:
    block: Block
    outcome: Outcome

    @property
    def is_well(self) -> bool:
        return not self.outcome.error


def is_command(block: Block) -> bool:
    return block.language in COMMANDS


def only_sets(block: Block) -> bool:
    """It sets variables and does nothing: later blocks need it whatever else is left out."""
    lines = [line for line in block.text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("#")]
    return is_command(block) and all(_SETTING.fullmatch(line) for line in lines)


def in_psql(block: Block) -> Block:
    """Its statements keep their lines: psql is called where the fence stands."""
    text = f"{IN_PSQL}\n{block.text}\nEND-OF-SQL"
    return replace(block, line=block.line - 1, language="bash", text=text)


def is_wanted(block: Block, words: str) -> bool:
    """Whether the words are in a heading above it, or in its file's name."""
    above = " / ".join((str(block.path), *block.headings)).casefold()
    return words.casefold() in above


def inspect(
    blocks: Sequence[Block],
    *,
    shell: Shell,
    root: Path,
    only: str,
    watch: Callable[[Checked], None],
) -> Iterator[Checked]:
    last: Checked | None = None
    for block in blocks:
        if only and not is_wanted(block, only) and not only_sets(block):
            continue
        if is_command(block):
            checked = last = Checked(block, shell.run(block))
        elif block.language == SQL:
            checked = Checked(block, shell.run(in_psql(block)))
        elif block.language == OUTPUT:
            checked = Checked(block, _compared(block, last))
        else:
            checked = Checked(block, _read(block, root))
        watch(checked)
        yield checked


def _compared(block: Block, last: Checked | None) -> Outcome:
    if last is None or last.block.path != block.path or last.block.headings != block.headings:
        return Outcome("data", 0.0, error="no command stands before this output", line=block.line)
    try:
        data.compare(block.text, last.outcome.output)
    except data.Wrong as wrong:
        return Outcome("data", 0.0, last.outcome.output, error=str(wrong), line=block.line)
    return Outcome("data", 0.0)


def _read(block: Block, root: Path) -> Outcome:
    started = time.monotonic()
    try:
        data.check(block.language, block.text, root=root)
    except data.Wrong as wrong:
        return Outcome("data", 0.0, error=str(wrong), line=block.line)
    return replace(Outcome("data", 0.0), seconds=time.monotonic() - started)
