"""Which dead letters the command line means, who asks, and how fast."""

from __future__ import annotations

import getpass
import os
import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from notevault.settings import duration
from ops import jobs
from ops.bulk import PER_SECOND
from ops.models import DeadLetter
from ops.selection import Selection
from ops.states import LetterState

BAD_INPUT = 2
ANY = "any"
FILTERS = ("kind", "fingerprint", "older_than", "newer_than")


def add_filters(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="Letters, by id or its beginning.")
    parser.add_argument("--kind", default="", help="A kind such as alert, or the name of a task.")
    parser.add_argument("--fingerprint", default="", help="Those of one fault.")
    parser.add_argument(
        "--state", default="", choices=[*LetterState.values, ANY], help="Default: open."
    )
    parser.add_argument(
        "--older-than", type=_age, metavar="AGE", help="Last failed before: 45s, 30m, 12h, 7d."
    )
    parser.add_argument("--newer-than", type=_age, metavar="AGE", help="Last failed since.")


def add_deed(parser: ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument("--all", action="store_true", help="Every letter of that state.")
    parser.add_argument("--dry-run", action="store_true", help="Say which; change nothing.")
    parser.add_argument(
        "--rate",
        type=_rate,
        default=float(PER_SECOND),
        metavar="N/s",
        help="At most so many letters a second, or N/min (default: 20/s).",
    )
    parser.add_argument(
        "--by", default="", metavar="EMAIL", help="The staff member whose decision it is."
    )


def chosen(options: dict[str, Any], *, now: datetime) -> Selection:
    """Raises CommandError for what cannot be meant."""
    _refuse_unknown_kind(options["kind"])
    older, newer = options["older_than"], options["newer_than"]
    if older and newer and older >= newer:
        raise CommandError(
            "No letter is older than --older-than and newer than --newer-than: swap them.",
            returncode=BAD_INPUT,
        )
    # Whoever names letters means them, whatever their state.
    usual = "" if options["ids"] else LetterState.OPEN
    state = options["state"] or usual
    return Selection(
        ids=tuple(_found(text) for text in options["ids"]),
        state="" if state == ANY else state,
        kind=options["kind"],
        fingerprint=options["fingerprint"],
        before=now - older if older else None,
        since=now - newer if newer else None,
    )


def chosen_to_change(options: dict[str, Any], *, now: datetime) -> Selection:
    """As `chosen`, and refuses what is ambiguous."""
    named, filtered = bool(options["ids"]), any(options[name] for name in FILTERS)
    if named and (filtered or options["all"]):
        raise CommandError(
            "Name letters by their ids, or choose them by filters or --all, not both.",
            returncode=BAD_INPUT,
        )
    if filtered and options["all"]:
        raise CommandError(
            "--all means every letter; leave it out to act on those of a filter.",
            returncode=BAD_INPUT,
        )
    if not (named or filtered or options["all"]):
        raise CommandError("Say which letters: ids, a filter, or --all.", returncode=BAD_INPUT)
    return chosen(options, now=now).as_of(now)


def reason(text: str) -> str:
    """Of a discard. Raises CommandError for none."""
    if not text.strip():
        raise CommandError("--why: say why they are given up.", returncode=BAD_INPUT)
    return text.strip()


def only(text: str) -> DeadLetter:
    return DeadLetter.objects.get(pk=_found(text))


def _found(text: str) -> UUID:
    """By an id or its beginning, which an index finds."""
    digits = text.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{1,32}", digits):
        raise CommandError(f"{text!r} is no id of a dead letter.", returncode=BAD_INPUT)
    first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    found = DeadLetter.objects.filter(pk__range=(first, last)).values_list("pk", flat=True)[:2]
    if not found:
        raise CommandError(f"There is no dead letter {text}.", returncode=BAD_INPUT)
    if len(found) > 1:
        raise CommandError(
            f"Several ids of letters begin with {text}: give more of it.", returncode=BAD_INPUT
        )
    return found[0]


def _refuse_unknown_kind(kind: str) -> None:
    known = {task.kind for task in jobs.declared.values()}
    if not kind or kind in known or kind in jobs.declared:
        return
    if not Selection(kind=kind).rows().exists():
        raise CommandError(
            f"There is no kind or task {kind}. Kinds: {', '.join(sorted(known))}.",
            returncode=BAD_INPUT,
        )


def who(email: str) -> tuple[UUID | None, str]:
    """The staff member, or nobody and the name of the operating system's user."""
    if not email:
        return None, f"by {_system_user()} at the command line"
    user = get_user_model()._default_manager.filter(
        email__iexact=email, is_staff=True, is_active=True
    )
    user_id = user.values_list("pk", flat=True).first()
    if user_id is None:
        raise CommandError(f"No member of the staff has the address {email}.", returncode=BAD_INPUT)
    return user_id, "at the command line"


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def _age(text: str) -> timedelta:
    try:
        return duration.parse(text)
    except ImproperlyConfigured:
        raise ArgumentTypeError(f"{text!r} is not an age such as 45s, 30m, 12h or 7d") from None


def _rate(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(/s|/min)?", text)
    rate = float(match[1]) / (60 if match[2] == "/min" else 1) if match else 0.0
    if not rate:
        raise ArgumentTypeError(f"{text!r} is not a rate such as 20/s or 30/min")
    return rate
