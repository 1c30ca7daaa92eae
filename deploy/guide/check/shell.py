"""One shell for a whole file: what a block sets, the next one knows, as on an operator's screen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.guide.check.blocks import Block

SECONDS = 300
# Around each block. Its own lines keep their numbers: the file begins with as many as the guide
# has before it.
BEFORE = """
source "$GUIDE_STATE/kept" 2>/dev/null; cd "$(cat "$GUIDE_STATE/folder")" || exit 1
set -Eeuo pipefail
command_not_found_handle() {
    printf '{"kind": "unknown", "program": "%s"}\\n' "$1" >> "$GUIDE_STATE/calls"
    echo "guide-check: no rule says what to do with the program $1 (deploy/guide/check/)" >&2
    return 127
}
# The line of the block itself, also where a function that it called has failed.
guide_check_failed() {
    local frame
    for ((frame = 1; frame < ${#BASH_SOURCE[@]}; frame++)); do
        if [ "${BASH_SOURCE[frame]}" = "$GUIDE_STATE/block.sh" ]; then
            echo "${BASH_LINENO[frame - 1]} $1" > "$GUIDE_STATE/failed"
        fi
    done
}
trap 'guide_check_failed "$BASH_COMMAND"' ERR
guide_check_keep() {
    { declare -f; declare -p; } > "$GUIDE_STATE/kept" 2>/dev/null
    pwd > "$GUIDE_STATE/folder"
}
trap guide_check_keep EXIT
"""


@dataclass(frozen=True)
class Outcome:
    kind: str
    """run, offline or data"""
    seconds: float
    output: str = ""
    error: str = ""
    """Why it failed, in one line; empty when it did not."""
    line: int = 0
    """Of the guide, where the shell knows it."""
    programs: tuple[str, ...] = field(default=())


class Shell:
    def __init__(self, *, state: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        (state / "folder").write_text(f"{folder}\n")
        (state / "kept").write_text("")
        self.environment = {**environment, "GUIDE_STATE": str(state)}

    def run(self, block: Block) -> Outcome:
        """Run all of the block, stopping at its first command that fails."""
        for name in ("calls", "failed"):
            (self.state / name).write_text("")
        started = time.monotonic()
        script = self.state / "block.sh"
        script.write_text("\n" * (block.line - 1) + block.text + "\n")
        code, output = self._bash(script)
        calls = [json.loads(row) for row in (self.state / "calls").read_text().splitlines()]
        failed = (self.state / "failed").read_text().strip()
        line, _, command = failed.partition("\n")[0].partition(" ")
        return Outcome(
            kind="offline" if any(call["kind"] == "offline" for call in calls) else "run",
            seconds=time.monotonic() - started,
            output=output,
            error=_why(code, command, calls),
            line=int(line) if line.isdigit() else block.line,
            programs=tuple(dict.fromkeys(call["program"] for call in calls)),
        )

    def _bash(self, script: Path) -> tuple[int, str]:
        before = self.state / "before.sh"
        before.write_text(BEFORE)
        child = subprocess.Popen(
            ["/bin/bash", "-c", f'source "{before}"; source "{script}"'],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = child.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output, _ = child.communicate()
            return 124, f"{output}\nguide-check: not done after {SECONDS} s"
        return child.returncode, output


def _why(code: int, command: str, calls: list[dict[str, str]]) -> str:
    """A failure counts wherever it happened, also where the block goes on after it."""
    for call in calls:
        if call["kind"] == "unknown":
            return f"no rule for the program {call['program']}"
        if call["kind"] == "failed":
            return f"{call['program']} failed: {call['why']}"
    if code:
        return f"exit code {code}: {command}" if command else f"exit code {code}"
    return ""
