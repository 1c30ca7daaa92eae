"""`python -m deploy.rollout`: see --help."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured

SECONDS_A_REPLACEMENT = 60
OTHER_SECONDS = 600

ABOUT = (
    "Play a roll-out on this machine: a real nginx before two gunicorns of the previous release, "
    "a worker, PostgreSQL and the Razorpay sandbox. Under a steady load each process is replaced, "
    "the migrations of this release run in the middle, this release comes and is taken back. "
    "Exits with 1 when a request failed, or another promise was broken."
)


class TookTooLong(BaseException):
    """Raised by the alarm. No error of the system's kind, which somebody may take for his own."""


def main() -> None:
    options = parse(sys.argv[1:])
    try:
        django.setup()
    except ImproperlyConfigured as refusal:
        sys.exit(str(refusal))
    from deploy.rollout import report
    from deploy.rollout.play import Play
    from notevault.bench.report import machine
    from notevault.demo.processes import DemoFailed, demand_demo_settings
    from notevault.demo.progress import Printer
    from notevault.embedded import EmbeddedPostgresError

    printer = Printer(sys.stdout)
    printer.line(f"Roll-out: {options.replacements} replacements, {machine()}\n")
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _stop)
    most_s = OTHER_SECONDS + SECONDS_A_REPLACEMENT * options.replacements
    signal.alarm(most_s)
    try:
        demand_demo_settings("rollout")
        play = Play(printer=printer, replacements=options.replacements, rate=options.rate)
        outcome = play.run()
    except (DemoFailed, EmbeddedPostgresError) as failure:
        sys.exit(str(failure))
    except TookTooLong:
        sys.exit(f"The play was broken off: it took over {most_s} s.")
    except KeyboardInterrupt:
        printer.line("\nStopped.")
        sys.exit(130)
    for line in report.lines(outcome):
        printer.line(line)
    sys.exit(0 if all(outcome.promises.values()) else 1)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make rollout", description=ABOUT)
    parser.add_argument(
        "--replacements",
        type=_whole(4, 200),
        default=20,
        help="Of web processes, 4 to 200 (default: %(default)s).",
    )
    parser.add_argument(
        "--rate",
        type=_whole(1, 200),
        default=50,
        help="Requests a second, 1 to 200 (default: %(default)s).",
    )
    return parser.parse_args(arguments)


def _whole(least: int, most: int) -> Any:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def _stop(number: int, _: Any) -> None:
    if number == signal.SIGALRM:
        raise TookTooLong
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
