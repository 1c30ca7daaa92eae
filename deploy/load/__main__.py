"""`python -m deploy.load`: visitors as they come, and limits that must hold."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import django

from deploy.load import limits, plan, remote, table, web
from deploy.load.generator import demand_locust

SECONDS, RATE, STAGE_S = 120, 50.0, 60
# Not a developer's, and no real accounts.
OWN_DATA = {
    "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
    "DJANGO_READ_DOT_ENV": "false",
    "DATA_DIR": ".data/load",
    "LOG_LEVEL": "error",
}
SMOKE_SECONDS, SMOKE_RATE = 6, 8.0


def main(given: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(given)
    for number in (signal.SIGTERM, signal.SIGINT):  # the second may have been ignored before us
        signal.signal(number, _stop)
    for name, value in OWN_DATA.items():
        os.environ.setdefault(name, value)
    django.setup()
    # After Django is there: they use its models.
    from notevault import embedded
    from notevault.demo.processes import DemoFailed

    try:
        demand_locust()
        return _remote(options) if options.base_url else _local(options)
    except (DemoFailed, embedded.EmbeddedPostgresError, remote.Refused) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.load",
        description=(
            "Load a shop with visitors: browse 60 %, search 15 %, detail 15 %, sign-in 3 %, "
            "buy 5 %, download 2 %. Without --base-url it brings a shop of its own, and judges "
            "memory, connections and books too. Exits with 1 when a limit is broken, or was not "
            f"measured. The web of that shop is {web.in_words()}."
        ),
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--full", action="store_true", help="The guide's stages: 10, 50, 100, 50, 0.")
    form.add_argument("--smoke", action="store_true", help="A few seconds; only errors count.")
    parser.add_argument(
        "--seconds", type=_between(3, 3600), default=SECONDS, help="Default: %(default)s."
    )
    parser.add_argument(
        "--rate",
        type=_between(1, 500),
        default=RATE,
        help="Requests a second; default: %(default)s.",
    )
    parser.add_argument(
        "--stage-seconds", type=_between(5, 900), default=STAGE_S, help="Default: %(default)s."
    )
    parser.add_argument("--only", choices=list(plan.MIX), help="One kind of visit, to cost it.")
    remote.add_arguments(parser)
    return parser


def _between(least: int, most: int) -> Any:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"a number from {least} to {most}")
        return value

    return number


def _form(options: argparse.Namespace) -> plan.Form:
    if options.full:
        return plan.guide(stage_seconds=options.stage_seconds)
    if options.smoke:
        return plan.steady(rate=SMOKE_RATE, seconds=SMOKE_SECONDS)
    return plan.steady(rate=options.rate, seconds=options.seconds)


def _mix(options: argparse.Namespace) -> Mapping[str, int]:
    if options.only:
        return {options.only: 100}
    return plan.MIX_OF_SMOKE if options.smoke else plan.MIX


def _local(options: argparse.Namespace) -> int:
    from deploy.load import local
    from notevault.bench import report
    from notevault.demo.processes import demand_demo_settings

    demand_demo_settings("load")
    form, mix = _form(options), _mix(options)
    judge: local.Judge = partial(limits.of_steady, asked_rate=form.rate, mix=mix)
    if options.full:
        judge = partial(limits.of_guide, mix=mix)
    elif options.smoke:
        judge = partial(limits.of_smoke, mix=mix)
    print(report.machine())
    measured = local.measure(
        form=form,
        mix=mix,
        judge=judge,
        notes=local.NOTES_OF_SMOKE if options.smoke else local.NOTES,
    )
    seconds, requests = measured.traffic.seconds, measured.traffic.whole().count
    _print(
        *("", *table.traffic(measured.traffic), ""),
        *(*table.parts(measured.parts, seconds=seconds, requests=requests), ""),
        *(*table.facts(measured.facts), ""),
        *table.limits(measured.limits),
        *("", f"  Report: {measured.report}", report.machine()),
    )
    figures = measured.report.with_name("figures.json")
    figures.write_text(json.dumps(local.recorded_json(measured), indent=2))
    return _code(measured.limits)


def _remote(options: argparse.Namespace) -> int:
    form = _form(options)
    measured = remote.measure(options, form=form)
    found = measured.traffic
    judged = limits.of_guide(found, mix=measured.mix, asked_rate=form.rate)
    ending = ("", f"  Report: {measured.report}")
    _print(*("", *table.traffic(found), ""), *table.limits(judged), *ending)
    return _code(judged)


def _print(*lines: str) -> None:
    for line in lines:
        print(line)


def _code(judged: Sequence[limits.Limit]) -> int:
    return int(any(limit.decides and not limit.holds for limit in judged))


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
