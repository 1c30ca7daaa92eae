"""A server that runs elsewhere: the same visits, without a shop of our own around them."""

from __future__ import annotations

import argparse
import csv
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from deploy.load import plan
from deploy.load.limits import Traffic
from deploy.load.scenarios import Person

PRODUCTION = "notevault.com"
TIMEOUT_S = 10
MOST_PEOPLE = 1000


class Refused(Exception):
    """It is not begun; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    elsewhere = parser.add_argument_group(
        "a server elsewhere",
        "All requests come from this machine's address: the server must allow it as many, or "
        "answers 429, which counts as an error (THROTTLE_DEFAULT, THROTTLE_SIGN_IN).",
    )
    elsewhere.add_argument(
        "--base-url",
        default=os.environ.get("BASE_URL", ""),
        help="Such as https://staging.notevault.com; also from BASE_URL.",
    )
    elsewhere.add_argument(
        "--users",
        type=Path,
        help="File with `email,password` lines that only its owner may read; without it nobody "
        "signs in, buys or downloads. Whoever owns no note cannot download: that is an error.",
    )
    elsewhere.add_argument(
        "--sandbox-url",
        default="",
        help="The Razorpay sandbox that the server uses; without it nobody buys.",
    )
    elsewhere.add_argument(
        "--yes-production", action="store_true", help="Load production, and mean it."
    )


@dataclass(frozen=True)
class Measured:
    """What the visitors saw, what they were to do, and where locust's report is."""

    traffic: Traffic
    mix: Mapping[str, int]
    report: Path


def measure(options: argparse.Namespace, *, form: plan.Form) -> Measured:
    """Raises Refused."""
    from django.conf import settings

    from deploy.load.generator import Generator, Run

    base_url = options.base_url.rstrip("/")
    demand_allowed(base_url, is_meant=options.yes_production)
    people = read_people(options.users) if options.users else []
    if options.users and len(people) < form.most_users:
        print(f"{len(people)} people for {form.most_users} users: the others only look around.")
    mix, left_out = mix_for(has_people=bool(people), has_sandbox=bool(options.sandbox_url))
    if options.only:
        if options.only not in mix:
            raise Refused(f"--only {options.only} is not possible. {left_out}")
        mix = {options.only: 100}
    elif left_out:
        print(left_out)
    demand_answer(base_url)
    run = Run(
        base_url=base_url,
        sandbox_url=options.sandbox_url.rstrip("/"),
        form=form,
        mix=mix,
        people=[asdict(person) for person in people],
    )
    print(f"{form.seconds:.0f} s of load on {base_url} …", flush=True)
    with Generator(run, home=Path(settings.DATA_DIR) / "locust") as generator:
        recorded = generator.wait(lambda _: None)
    return Measured(Traffic.of(recorded), mix, generator.report)


def demand_allowed(base_url: str, *, is_meant: bool) -> None:
    """Raises Refused for what is no address, and for production unless it is meant."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise Refused(f"{base_url} is no address such as https://staging.notevault.com")
    if parts.username or parts.password:
        raise Refused("Credentials do not belong into the address: give them by --users.")
    is_ours = host == PRODUCTION or host.endswith(f".{PRODUCTION}")
    if is_ours and "staging" not in host and not is_meant:
        raise Refused(
            f"{host} is production: its buyers would feel it, and orders would be real. Load "
            "staging, or say --yes-production."
        )


def demand_answer(base_url: str) -> None:
    """Raises Refused unless NoteVault answers there."""
    url = f"{base_url}/api/v1/notes?limit=1"
    try:
        reply = requests.get(url, timeout=TIMEOUT_S)
        items = reply.json().get("items")
    except requests.ConnectionError as error:
        raise Refused(f"No server answers at {base_url}.") from error
    except (requests.RequestException, ValueError, AttributeError) as error:
        raise Refused(f"{url} does not answer as NoteVault does.") from error
    if reply.status_code != 200 or not items:
        raise Refused(f"{url} was answered {reply.status_code}, without a note: nothing to load.")


def mix_for(*, has_people: bool, has_sandbox: bool) -> tuple[Mapping[str, int], str]:
    """What can be done there, and a sentence on what cannot."""
    if not has_people:
        mix = {name: plan.MIX[name] for name in plan.ANONYMOUS}
        return mix, "Without --users nobody signs in, buys or downloads."
    if not has_sandbox:
        mix = {name: share for name, share in plan.MIX.items() if name != "buy"}
        return mix, "Without --sandbox-url nobody buys: no money is moved that is not play money."
    return plan.MIX, ""


def read_people(path: Path) -> list[Person]:
    """Raises Refused for a file that others can read or that holds no pairs."""
    try:
        mode = path.stat().st_mode
        rows = list(csv.reader(path.read_text().splitlines()))
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refused(f"Others can read the passwords in {path}: chmod 600 it.")
    people = [Person(email=row[0].strip(), password=row[1]) for row in rows if len(row) == 2]
    if not people or len(people) != len([row for row in rows if row]):
        raise Refused(f"{path} has to have lines of `email,password`, and no others.")
    if len(people) > MOST_PEOPLE:
        raise Refused(f"{path} has over {MOST_PEOPLE} people.")
    return people
