"""Events and their deliveries in the state file, so that a restart loses none."""

from dataclasses import dataclass
from typing import Any

from payments.sandbox.store import Store


@dataclass(frozen=True)
class Delivery:
    """One event on its way; `started_at` is where the 24 hours of trying begin."""

    id: int
    event_id: str
    event: str
    body: bytes
    signature: str
    started_at: float
    attempts: int


class Outbox:
    def __init__(self, store: Store) -> None:
        self._store = store

    def insert_event(
        self, *, event_id: str, event: str, body: bytes, signature: str, created_at: int
    ) -> None:
        self._store.execute(
            "INSERT INTO events (id, event, body, signature, created_at) VALUES (?, ?, ?, ?, ?)",
            (event_id, event, body, signature, created_at),
        )

    def insert_delivery(self, *, event_id: str, now: float, due_at: float) -> int:
        return self._store.execute(
            "INSERT INTO deliveries (event_id, state, started_at, due_at) "
            "VALUES (?, 'pending', ?, ?)",
            (event_id, now, due_at),
        )

    def insert_dropped_delivery(self, *, event_id: str, now: float) -> None:
        """A delivery that is given up before its first attempt."""
        self._store.execute(
            "INSERT INTO deliveries (event_id, state, started_at, due_at, last_status) "
            "VALUES (?, 'given_up', ?, ?, 'dropped')",
            (event_id, now, now),
        )

    def has_event(self, event_id: str) -> bool:
        return self._store.one("SELECT 1 FROM events WHERE id = ?", (event_id,)) is not None

    def find_due(self, delivery_id: int, *, at: float) -> Delivery | None:
        """The delivery, unless it is done or has been put off to later than `at`."""
        row = self._store.one(
            "SELECT d.id, d.event_id, e.event, e.body, e.signature, d.started_at, d.attempts "
            "FROM deliveries d JOIN events e ON e.id = d.event_id "
            "WHERE d.id = ? AND d.state = 'pending' AND d.due_at <= ?",
            (delivery_id, at),
        )
        return Delivery(**row) if row else None

    def list_pending(self) -> list[tuple[float, int]]:
        """When each pending delivery is due, and its id."""
        rows = self._store.rows("SELECT due_at, id FROM deliveries WHERE state = 'pending'")
        return [(row["due_at"], row["id"]) for row in rows]

    def record_attempt(self, delivery_id: int, *, result: str) -> None:
        self._store.execute(
            "UPDATE deliveries SET attempts = attempts + 1, last_status = ? WHERE id = ?",
            (result, delivery_id),
        )

    def mark_delivered(self, delivery_id: int) -> None:
        self._store.execute(
            "UPDATE deliveries SET state = 'delivered' WHERE id = ?", (delivery_id,)
        )

    def reschedule(self, delivery_id: int, *, due_at: float) -> None:
        self._store.execute(
            "UPDATE deliveries SET due_at = ? WHERE id = ? AND state = 'pending'",
            (due_at, delivery_id),
        )

    def stretch_retries(self, *, now: float, ratio: float) -> None:
        """Multiply the waits before the next tries and before giving up; a first try stays."""
        self._store.execute(
            "UPDATE deliveries SET started_at = :now + (started_at - :now) * :ratio, "
            "due_at = CASE attempts WHEN 0 THEN due_at ELSE :now + (due_at - :now) * :ratio END "
            "WHERE state = 'pending'",
            {"now": now, "ratio": ratio},
        )

    def disabled_at(self) -> int | None:
        value: int | None = self._store.one("SELECT disabled_at FROM endpoint")["disabled_at"]
        return value

    def disable_endpoint(self, *, now: int) -> None:
        """No event is sent from now on, and what was still to be sent is given up."""
        self._store.execute("UPDATE endpoint SET disabled_at = ?", (now,))
        self._store.execute("UPDATE deliveries SET state = 'given_up' WHERE state = 'pending'")

    def enable_endpoint(self) -> None:
        self._store.execute("UPDATE endpoint SET disabled_at = NULL")

    def list_events(self, *, count: int, skip: int = 0) -> list[Any]:
        """Rows of the newest events; an event that was never sent has state not_sent."""
        return self._store.rows(
            "SELECT e.id, e.event, e.created_at, e.body, "
            "coalesce(sum(d.attempts), 0) AS attempts, "
            "coalesce((SELECT state FROM deliveries WHERE event_id = e.id "
            "ORDER BY id DESC LIMIT 1), 'not_sent') AS state, "
            "(SELECT last_status FROM deliveries WHERE event_id = e.id "
            "ORDER BY id DESC LIMIT 1) AS last_status "
            "FROM events e LEFT JOIN deliveries d ON d.event_id = e.id "
            "GROUP BY e.seq ORDER BY e.seq DESC LIMIT ? OFFSET ?",
            (count, skip),
        )
