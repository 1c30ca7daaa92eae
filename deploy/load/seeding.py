"""Who visits the shop, and what it sells: made before a run, through the same code that the
demo and the API use."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from deploy.load.scenarios import ACCESS_LASTS_S, Person
from notes.models import Category, Note
from notevault.accounts.models import User
from notevault.accounts.services import start_session
from notevault.demo import seed
from notevault.demo.catalogue import make_catalogue, render_pdf
from notevault.kit import clock
from payments.checkout import start_checkout

# Short ones: what is measured is not how a long PDF is written.
PAPERS, PAGES = 12, 6
APART = timedelta(hours=7)
PASSWORD = "a-password-of-the-load-test"  # noqa: S105 of a shop that is thrown away
FIRST_ADDRESS = IPv4Address("10.20.0.1")


@dataclass(frozen=True)
class Crowd:
    people: list[dict[str, Any]]
    digests: dict[str, str]
    """SHA-256 of each note's file, by the note's id."""


def fill(*, notes: int, people: int) -> Crowd:
    """Published notes, each with a file of its own, and signed-in buyers who own a free one."""
    remove_files()
    seed.make_people()
    seed.make_categories()
    digests = dict(_make_notes(notes))
    crowd = _make_buyers(people)
    free = Note.objects.filter(price_paise=0).values_list("pk", flat=True)[:1]
    for buyer_id, _ in crowd:
        start_checkout(buyer_id=buyer_id, note_ids=list(free), now=clock.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Crowd([asdict(person) for _, person in crowd], digests)


def remove_files() -> None:
    """Those of an earlier run, whose notes are gone. Nothing outside of DATA_DIR."""
    media, data = Path(settings.MEDIA_ROOT), Path(settings.DATA_DIR)
    if media.is_relative_to(data):
        shutil.rmtree(media, ignore_errors=True)


@transaction.atomic
def _make_notes(count: int) -> Iterator[tuple[str, str]]:
    catalogue = [replace(note, pages=PAGES) for note in make_catalogue(count=count)]
    papers = [render_pdf(note) for note in catalogue[:PAPERS]]
    sellers = {user.email: user for user in User.objects.filter(is_seller=True)}
    categories = {category.slug: category for category in Category.objects.all()}
    made = []
    for position, note in enumerate(catalogue):
        # A comment behind the end of a PDF is allowed, and makes each file another one.
        pdf = papers[position % PAPERS] + f"% {position}\n".encode()
        row = seed.store(
            note,
            pdf,
            seller=sellers[note.seller_email],
            category=categories[note.category_slug],
            published_at=clock.now() - APART * (position + 1),
        )
        made.append((str(row.pk), hashlib.sha256(pdf).hexdigest()))
    return iter(made)


@transaction.atomic
def _make_buyers(count: int) -> list[tuple[Any, Person]]:
    encoded = make_password(PASSWORD)  # the same for all, so hashed once
    now = clock.now()
    made = []
    for number in range(count):
        email = f"buyer{number}@example.com"
        user = User.objects.create(email=email, name=f"Buyer {number}", password=encoded)
        tokens = start_session(user=user, now=now)
        person = Person(
            email=email,
            password=PASSWORD,
            access=tokens.access,
            refresh=tokens.refresh,
            expires_at=now.timestamp() + ACCESS_LASTS_S,
            address=str(FIRST_ADDRESS + number),
        )
        made.append((user.pk, person))
    return made
