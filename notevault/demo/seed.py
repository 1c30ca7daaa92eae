"""Fills an empty database with the demo's people, categories and notes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.db import transaction

from notes.models import Category, Note, NoteFile, NoteMove
from notes.states import NoteState
from notes.storage import note_storage
from notevault.accounts.models import User
from notevault.demo.catalogue import CATEGORIES, SELLERS, DemoNote, make_catalogue, render_pdf

PASSWORD = "notevault-demo"  # noqa: S105 for a local demo, printed at its end
STAFF = {
    "admin@example.com": "",
    "support@example.com": "Support",
    "finance@example.com": "Finance",
    "moderator@example.com": "Moderator",
    "auditor@example.com": "Auditor",
}
NOTES = 200
# Published one after the other before the demo, so that "newest" has an order.
APART = timedelta(hours=7)


def is_seeded() -> bool:
    return Note.objects.published().count() >= NOTES


@transaction.atomic
def make_people() -> None:
    """Sellers and staff; those that exist already keep what they have."""
    encoded = make_password(PASSWORD)  # the same for all, so hashed once
    for email, name in SELLERS:
        User.objects.get_or_create(
            email=email, defaults={"name": name, "is_seller": True, "password": encoded}
        )
    for email, group in STAFF.items():
        user, _ = User.objects.get_or_create(
            email=email,
            defaults={
                "name": (group or "Admin"),
                "is_staff": True,
                "is_superuser": not group,
                "password": encoded,
            },
        )
        if group:
            user.groups.add(Group.objects.get(name=group))


@transaction.atomic
def make_categories() -> None:
    Category.objects.bulk_create(
        [Category(slug=slug, name=name) for slug, name in CATEGORIES], ignore_conflicts=True
    )


def make_notes(*, now: datetime, watch: Callable[[Iterable[Note]], Iterable[Note]]) -> int:
    """Render, store and publish each note that is not there yet; returns how many."""
    there = set(Note.objects.values_list("title", "seller__email"))
    missing = [
        (position, note)
        for position, note in enumerate(make_catalogue(count=NOTES))
        if (note.title, note.seller_email) not in there
    ]
    sellers = {user.email: user for user in User.objects.filter(is_seller=True)}
    categories = {category.slug: category for category in Category.objects.all()}

    def stored() -> Iterator[Note]:
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            pdfs = pool.map(render_pdf, [note for _, note in missing], chunksize=4)
            for (position, note), pdf in zip(missing, pdfs, strict=True):
                yield store(
                    note,
                    pdf,
                    seller=sellers[note.seller_email],
                    category=categories[note.category_slug],
                    published_at=now - APART * (position + 1),
                )

    return sum(1 for _ in watch(stored()))


@transaction.atomic
def store(
    demo: DemoNote, pdf: bytes, *, seller: User, category: Category, published_at: datetime
) -> Note:
    """A published note and its file, of as many pages as the note says."""
    note = Note.objects.create(
        seller=seller,
        category=category,
        title=demo.title,
        description=demo.description,
        university=demo.university,
        course=demo.course,
        semester=demo.semester,
        language=demo.language,
        price_paise=demo.price_paise,
        created_at=published_at,
    )
    note.file = note.published_file = _store_file(note, pdf, pages=demo.pages, now=published_at)
    note.page_count = demo.pages
    note.published_at = published_at
    note.state = NoteState.PUBLISHED
    note.save()
    NoteMove.objects.create(
        row=note, old=NoteState.DRAFT, new=NoteState.PUBLISHED, why="demo", at=published_at
    )
    return note


def _store_file(note: Note, pdf: bytes, *, pages: int, now: datetime) -> NoteFile:
    file = NoteFile(
        note=note,
        sha256=hashlib.sha256(pdf).hexdigest(),
        size_bytes=len(pdf),
        page_count=pages,
        created_at=now,
    )
    file.storage_name = f"notes/{note.pk}/{file.pk}.pdf"
    file.save(force_insert=True)
    note_storage().save(file.storage_name, ContentFile(pdf))
    return file
