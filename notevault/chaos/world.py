"""A shop of its own for the simulation: an empty database, people, notes and processes."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from notes.models import Category, Note, NoteFile
from notes.states import NoteState
from notevault import embedded
from notevault.accounts.models import Session, User
from notevault.accounts.tokens import AccessToken
from notevault.chaos.gateway import Sandbox
from notevault.demo.processes import HOST, DemoFailed, Processes
from notevault.kit import clock

UNLIMITED = "1000000/s"
MARK = "chaos-world"
TOKEN_LIFETIME = timedelta(days=1)
LEAST_BUYERS = 60
LEAST_NOTES = 80
PRICES = (4900, 9900, 14900, 24900, 49900)


@dataclass(frozen=True)
class Buyer:
    id: UUID
    token: str


@dataclass(frozen=True)
class People:
    buyers: list[Buyer]
    notes: list[UUID]


@dataclass(frozen=True)
class Addresses:
    web: str
    sandbox: str
    sandbox_port: int
    web_port: int


class World:
    """Everything lives in DATA_DIR, which must be empty or an earlier world.

    `environment` is added to that of the processes.
    """

    def __init__(
        self, *, environment: Mapping[str, str], sandbox_options: Sequence[str] = ()
    ) -> None:
        base_dir = settings.DATABASES["default"].get("EMBEDDED")
        if not base_dir:
            raise DemoFailed("It brings its own PostgreSQL and empties it: unset DATABASE_URL.")
        self.home = Path(settings.DATA_DIR)
        self.crash_points = self.home / "crash-points"
        self.database = embedded.server(base_dir)
        self.was_running = self.database.is_running()
        self.addresses = _free_addresses()
        self.processes = Processes(
            log_dir=self.home / "logs", environment={**self._environment(), **environment}
        )
        self.sandbox_options = sandbox_options
        self.sandbox = Sandbox(
            url=self.addresses.sandbox,
            key_id=settings.RAZORPAY_KEY_ID,
            key_secret=settings.RAZORPAY_KEY_SECRET,
        )

    def _environment(self) -> dict[str, str]:
        return {
            **{f"THROTTLE_{scope.upper()}": UNLIMITED for scope in settings.THROTTLE_RATES},
            "PORT": str(self.addresses.web_port),
            "WEB_BIND": HOST,
            "PUBLIC_API_URL": self.addresses.web,
            "RAZORPAY_BASE_URL": self.addresses.sandbox,
            "CRASH_POINTS_DIR": str(self.crash_points),
            "EMAIL_URL": "dummymail://",
        }

    def make_empty(self) -> None:
        """A migrated database without a row, a sandbox that knows nothing, no crash armed.

        Refused in a folder that holds somebody else's database.
        """
        mark = self.home / MARK
        if (self.home / "postgres" / "data").exists() and not mark.exists():
            raise DemoFailed(
                f"{self.home} holds another database. Set DATA_DIR to a folder of its own."
            )
        mark.touch()
        self.database.ensure_running()
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
            cursor.execute("CREATE SCHEMA public")
        call_command("migrate", verbosity=0, interactive=False)
        self._sandbox_state.unlink(missing_ok=True)
        self.crash_points.mkdir(exist_ok=True)
        self.disarm_crashes()

    @property
    def _sandbox_state(self) -> Path:
        return self.home / "sandbox.sqlite3"

    def disarm_crashes(self) -> None:
        for order in self.crash_points.iterdir():
            order.unlink(missing_ok=True)

    def start(self) -> None:
        connections.close_all()
        self.processes.start_all(
            web=self.addresses.web,
            sandbox_port=self.addresses.sandbox_port,
            sandbox_options=("--state", str(self._sandbox_state), *self.sandbox_options),
        )

    def restart_database(self) -> None:
        """As a power cut would: no checkpoint, every connection broken."""
        self.database.stop("immediate")
        self.database.ensure_running()

    def leave(self) -> None:
        """The data stay, for whoever looks for the reason of a finding."""
        connections.close_all()
        if not self.was_running:
            self.database.stop()


def _free_addresses() -> Addresses:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind((HOST, 0))
        web, sandbox = one.getsockname()[1], other.getsockname()[1]
    return Addresses(f"http://{HOST}:{web}", f"http://{HOST}:{sandbox}", sandbox, web)


def make_people_for(*, seed: int, faults: int) -> People:
    """Enough that few purchases of so many faults meet a note that is owned already."""
    more = faults // 20
    return make_people(seed=seed, buyers=LEAST_BUYERS + more, notes=LEAST_NOTES + more)


def make_people(*, seed: int, buyers: int, notes: int) -> People:
    """Signed-in buyers, and published notes of one seller, without bytes behind their files."""
    seller = User.objects.create(email="seller@example.com", name="Seller", is_seller=True)
    dice = Random(f"{seed}:notes")
    category = Category.objects.create(slug="chaos", name="Chaos")
    return People(
        buyers=[_make_buyer(number) for number in range(buyers)],
        notes=[_make_note(number, seller, category, dice) for number in range(notes)],
    )


def _make_buyer(number: int) -> Buyer:
    """With an access token that outlives any run; nobody signs in by the empty password."""
    user = User.objects.create(email=f"buyer{number}@example.com", name=f"Buyer {number}")
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
    return Buyer(user.pk, str(token))


def _make_note(number: int, seller: User, category: Category, dice: Random) -> UUID:
    now = clock.now()
    note = Note.objects.create(
        seller=seller,
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
