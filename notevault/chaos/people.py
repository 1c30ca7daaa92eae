"""Who is in the world: buyers, sellers with their notes, staff, and a coupon for a few."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from uuid import UUID

from notes.models import Category, Note, NoteFile
from notes.states import NoteState
from notevault.accounts.models import Session, User
from notevault.accounts.tokens import AccessToken
from notevault.kit import clock
from payments.models import Coupon

TOKEN_LIFETIME = timedelta(days=1)
LEAST_BUYERS = 60
LEAST_NOTES = 80
SELLERS = 3
# The dearest needs two of the staff to be given back.
PRICES = (4900, 9900, 14900, 24900, 49900, 249900)
COUPON = "STORM-10"
# Fewer than those who bring it.
FAULTS_PER_USE = 12


@dataclass(frozen=True)
class Person:
    id: UUID
    token: str


@dataclass(frozen=True)
class People:
    buyers: list[Person]
    notes: list[UUID]
    sellers: list[Person]
    staff: tuple[UUID, UUID]


def make_people_for(*, seed: int, faults: int) -> People:
    """Enough that few purchases of so many faults meet a note that is owned already."""
    more = faults // 20
    people = make_people(
        seed=seed, buyers=LEAST_BUYERS + more, notes=LEAST_NOTES + more, sellers=SELLERS
    )
    _make_coupon(uses=max(2, faults // FAULTS_PER_USE))
    return people


def make_people(*, seed: int, buyers: int, notes: int, sellers: int = 1) -> People:
    """Signed-in buyers and sellers, and published notes without bytes behind their files."""
    selling = [_make_person(f"seller{number}", is_seller=True) for number in range(sellers)]
    dice = Random(f"{seed}:notes")
    category = Category.objects.create(slug="chaos", name="Chaos")
    return People(
        buyers=[_make_person(f"buyer{number}") for number in range(buyers)],
        notes=[
            _make_note(number, selling[number % sellers], category, dice) for number in range(notes)
        ],
        sellers=selling,
        staff=(
            _make_person("support", is_staff=True).id,
            _make_person("finance", is_staff=True).id,
        ),
    )


def _make_coupon(*, uses: int) -> None:
    Coupon.objects.create(
        code=COUPON,
        percent=10,
        max_discount_paise=20_000,
        max_uses=uses,
        max_uses_per_user=2,
        valid_from=clock.now(),
    )


def _make_person(name: str, **powers: bool) -> Person:
    """With an access token that outlives any run; nobody signs in by the empty password."""
    user = User.objects.create(email=f"{name}@example.com", name=name.capitalize(), **powers)
    now = clock.now()
    session = Session.objects.create(
        user=user,
        current_digest="0" * 64,
        password_digest=user.password_digest,
        created_at=now,
        rotated_at=now,
        expires_at=now + TOKEN_LIFETIME,
    )
    token = AccessToken()
    token["sub"], token["sid"] = str(user.pk), str(session.pk)
    token.set_exp(lifetime=TOKEN_LIFETIME)
    return Person(user.pk, str(token))


def _make_note(number: int, seller: Person, category: Category, dice: Random) -> UUID:
    now = clock.now()
    note = Note.objects.create(
        seller_id=seller.id,
        category=category,
        title=f"Note {number}",
        description="A note that is bought in a storm.",
        price_paise=dice.choice(PRICES),
        created_at=now,
    )
    note.page_count = dice.choice((12, 80, 200))
    note.file = note.published_file = NoteFile.objects.create(
        note=note,
        storage_name=f"notes/{note.pk}/chaos.pdf",
        sha256="0" * 64,
        size_bytes=1000,
        page_count=note.page_count,
        created_at=now,
    )
    note.state, note.published_at = NoteState.PUBLISHED, now
    note.save()
    return note.pk
