"""manage.py without its start: a process that has Django loaded forks one child a command.

`python -m deploy.guide.check.cluster.warm`, in the application's folder and environment: a line
of JSON comes in for each command, and one goes out. What a command answers is the same; a start
of Django costs more than most of the guide's commands do.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from typing import Any

import manage

PRELOADED = ("notevault.urls", "ops.doctor", "payments.invariants")


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notevault.settings.local")
    django.setup()
    for name in PRELOADED:
        __import__(name)
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)


def serve(asked: dict[str, Any]) -> dict[str, Any]:
    temporary = tempfile.TemporaryFile
    with temporary() as given, temporary() as out, temporary() as errors:
        given.write(asked["stdin"].encode())
        given.seek(0)
        child = os.fork()
        if child == 0:
            signal.alarm(asked["seconds"])
            for number, file in enumerate((given, out, errors)):
                os.dup2(file.fileno(), number)
            _become(asked["arguments"])
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        texts[1] += f"guide-check: it took over {asked['seconds']} s\n"
    return {"code": code if code >= 0 else 128 - code, "output": texts[0], "errors": texts[1]}


def _become(arguments: list[str]) -> None:
    """Run the command and end, whatever it does."""
    code = 0
    try:
        sys.argv = arguments
        manage.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
