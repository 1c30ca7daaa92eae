"""The state file: orders, payments, refunds and the keys of refunds."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from payments.sandbox.entities import Entity
from payments.sandbox.schema import SCHEMA_VERSION, SCRIPTS
from payments.sandbox.validation import Page


class StateFileUnusable(Exception):
    """The file is no state of this version of the sandbox."""


class Store:
    """One SQLite connection under one lock: whoever holds the lock sees a whole state.

    `path` may be ":memory:".
    """

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[], None]] = []
        self._db = _connect(path)
        try:
            self._prepare()
        except (sqlite3.DatabaseError, StateFileUnusable) as error:
            self._db.close()
            raise StateFileUnusable(f"The state file {path} cannot be used: {error}") from error

    def _prepare(self) -> None:
        version = self.one("PRAGMA user_version")["user_version"]
        if version > SCHEMA_VERSION:
            raise StateFileUnusable("a later version of the sandbox wrote it")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        for number, script in enumerate(SCRIPTS[version:], start=version + 1):
            self._db.executescript(f"BEGIN;{script}PRAGMA user_version = {number};COMMIT;")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing; not to be nested."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._callbacks.clear()
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Have `callback` run once the open transaction is durable."""
        self._callbacks.append(callback)

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        with self._lock:
            return self._db.execute(sql, parameters).fetchone()

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Run one statement; gives the id of the row it inserted."""
        with self._lock:
            return self._db.execute(sql, parameters).lastrowid or 0

    def _entity(self, sql: str, *parameters: object) -> Entity | None:
        row = self.one(sql, parameters)
        return decode(row["entity"]) if row else None

    def _entities(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Entity]:
        return [decode(row["entity"]) for row in self.rows(sql, parameters)]

    def insert_order(self, order: Entity, *, capture: Mapping[str, Any]) -> None:
        self.execute(
            "INSERT INTO orders (id, receipt, created_at, capture, entity) VALUES (?, ?, ?, ?, ?)",
            (
                order["id"],
                order["receipt"],
                order["created_at"],
                json.dumps(capture),
                json.dumps(order),
            ),
        )

    def save_order(self, order: Entity) -> None:
        self.execute("UPDATE orders SET entity = ? WHERE id = ?", (json.dumps(order), order["id"]))

    def mark_order_authorized(self, order_id: str) -> None:
        self.execute("UPDATE orders SET authorized = 1 WHERE id = ?", (order_id,))

    def find_order(self, order_id: str) -> Entity | None:
        return self._entity("SELECT entity FROM orders WHERE id = ?", order_id)

    def find_order_by_receipt(self, receipt: str) -> Entity | None:
        return self._entity("SELECT entity FROM orders WHERE receipt = ?", receipt)

    def get_capture(self, order_id: str) -> Entity:
        return decode(self.one("SELECT capture FROM orders WHERE id = ?", (order_id,))["capture"])

    def list_orders(self, page: Page, *, authorized: int | None = None) -> list[Entity]:
        return self._entities(
            "SELECT entity FROM orders WHERE created_at BETWEEN :start AND :end "
            "AND (:authorized IS NULL OR authorized = :authorized) "
            "ORDER BY seq DESC LIMIT :count OFFSET :skip",
            vars(page) | {"authorized": authorized},
        )

    def list_orders_by_receipt(self, page: Page, *, receipt: str) -> list[Entity]:
        return self._entities(
            "SELECT entity FROM orders WHERE receipt = :receipt "
            "AND created_at BETWEEN :start AND :end "
            "ORDER BY seq DESC LIMIT :count OFFSET :skip",
            vars(page) | {"receipt": receipt},
        )

    def insert_payment(self, payment: Entity, *, automatic_until: float, expires_at: float) -> None:
        """With the times until when it may be captured by itself, and at all."""
        self.execute(
            "INSERT INTO payments "
            "(id, order_id, status, created_at, automatic_until, expires_at, entity) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                payment["id"],
                payment["order_id"],
                payment["status"],
                payment["created_at"],
                automatic_until,
                expires_at,
                json.dumps(payment),
            ),
        )

    def save_payment(self, payment: Entity) -> None:
        self.execute(
            "UPDATE payments SET status = ?, entity = ? WHERE id = ?",
            (payment["status"], json.dumps(payment), payment["id"]),
        )

    def automatic_until(self, payment_id: str) -> float:
        row = self.one("SELECT automatic_until FROM payments WHERE id = ?", (payment_id,))
        return float(row["automatic_until"])

    def set_payment_captured(self, payment_id: str, captured_at: int) -> None:
        self.execute("UPDATE payments SET captured_at = ? WHERE id = ?", (captured_at, payment_id))

    def find_payment(self, payment_id: str) -> Entity | None:
        return self._entity("SELECT entity FROM payments WHERE id = ?", payment_id)

    def list_payments(self, page: Page) -> list[Entity]:
        return self._entities(
            "SELECT entity FROM payments WHERE created_at BETWEEN :start AND :end "
            "ORDER BY seq DESC LIMIT :count OFFSET :skip",
            vars(page),
        )

    def list_payments_of_order(self, order_id: str) -> list[Entity]:
        return self._entities(
            "SELECT entity FROM payments WHERE order_id = ? ORDER BY seq DESC", (order_id,)
        )

    def list_expired_payments(self, now: float) -> list[Entity]:
        """Authorised payments whose time for a capture is over."""
        return self._entities(
            "SELECT entity FROM payments WHERE status = 'authorized' AND expires_at <= ?", (now,)
        )

    def stretch_expiries(self, *, now: float, ratio: float) -> None:
        """Multiply the time that is left for captures."""
        self.execute(
            "UPDATE payments SET automatic_until = :now + (automatic_until - :now) * :ratio, "
            "expires_at = :now + (expires_at - :now) * :ratio WHERE captured_at IS NULL",
            {"now": now, "ratio": ratio},
        )

    def insert_refund(self, refund: Entity) -> None:
        self.execute(
            "INSERT INTO refunds (id, payment_id, status, created_at, entity) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                refund["id"],
                refund["payment_id"],
                refund["status"],
                refund["created_at"],
                json.dumps(refund),
            ),
        )

    def save_refund(self, refund: Entity) -> None:
        self.execute(
            "UPDATE refunds SET status = ?, entity = ? WHERE id = ?",
            (refund["status"], json.dumps(refund), refund["id"]),
        )

    def find_refund(self, refund_id: str) -> Entity | None:
        return self._entity("SELECT entity FROM refunds WHERE id = ?", refund_id)

    def list_refunds(self, page: Page) -> list[Entity]:
        return self._entities(
            "SELECT entity FROM refunds WHERE created_at BETWEEN :start AND :end "
            "ORDER BY seq DESC LIMIT :count OFFSET :skip",
            vars(page),
        )

    def list_refunds_of_payment(self, page: Page, *, payment_id: str) -> list[Entity]:
        return self._entities(
            "SELECT entity FROM refunds WHERE payment_id = :payment_id "
            "AND created_at BETWEEN :start AND :end "
            "ORDER BY seq DESC LIMIT :count OFFSET :skip",
            vars(page) | {"payment_id": payment_id},
        )

    def list_settled(self, page: Page) -> list[Any]:
        """Rows with `payment`, `refund` and `dispute` (or NULL), `settled_at`, the order's
        `receipt`, and the `difference` by which the settled amount is off."""
        return self.rows(
            "SELECT s.*, coalesce(a.difference, 0) AS difference FROM ("
            "SELECT p.captured_at AS settled_at, p.seq AS seq, p.id AS id, "
            "p.entity AS payment, NULL AS refund, NULL AS dispute, o.receipt AS receipt "
            "FROM payments p JOIN orders o ON o.id = p.order_id "
            "WHERE p.captured_at BETWEEN :start AND :end "
            "UNION ALL SELECT r.created_at, r.seq, r.id, p.entity, r.entity, NULL, o.receipt "
            "FROM refunds r JOIN payments p ON p.id = r.payment_id "
            "JOIN orders o ON o.id = p.order_id WHERE r.created_at BETWEEN :start AND :end "
            "AND r.status = 'processed' AND p.captured_at IS NOT NULL "
            "UNION ALL SELECT d.lost_at, d.seq, d.id, p.entity, NULL, d.entity, o.receipt "
            "FROM disputes d JOIN payments p ON p.id = d.payment_id "
            "JOIN orders o ON o.id = p.order_id WHERE d.lost_at BETWEEN :start AND :end) s "
            "LEFT JOIN adjustments a ON a.entity_id = s.id "
            "ORDER BY settled_at, refund IS NOT NULL, dispute IS NOT NULL, s.seq "
            "LIMIT :count OFFSET :skip",
            vars(page),
        )

    def save_adjustment(self, *, entity_id: str, difference: int) -> None:
        self.execute("INSERT OR REPLACE INTO adjustments VALUES (?, ?)", (entity_id, difference))

    def insert_dispute(self, dispute: Entity) -> None:
        self.execute(
            "INSERT INTO disputes (id, payment_id, created_at, entity) VALUES (?, ?, ?, ?)",
            (dispute["id"], dispute["payment_id"], dispute["created_at"], json.dumps(dispute)),
        )

    def save_dispute(self, dispute: Entity) -> None:
        self.execute(
            "UPDATE disputes SET entity = ? WHERE id = ?", (json.dumps(dispute), dispute["id"])
        )

    def set_dispute_lost(self, dispute_id: str, lost_at: int) -> None:
        self.execute("UPDATE disputes SET lost_at = ? WHERE id = ?", (lost_at, dispute_id))

    def find_dispute(self, dispute_id: str) -> Entity | None:
        return self._entity("SELECT entity FROM disputes WHERE id = ?", dispute_id)

    def list_disputes(self, page: Page) -> list[Entity]:
        return self._entities(
            "SELECT entity FROM disputes WHERE created_at BETWEEN :start AND :end "
            "ORDER BY seq DESC LIMIT :count OFFSET :skip",
            vars(page),
        )

    def insert_refund_key(self, *, key: str, fingerprint: str, refund_id: str) -> None:
        self.execute("INSERT INTO refund_keys VALUES (?, ?, ?)", (key, fingerprint, refund_id))

    def find_refund_key(self, key: str) -> Any:
        """The row with `fingerprint` and `refund_id`, or None."""
        return self.one("SELECT fingerprint, refund_id FROM refund_keys WHERE key = ?", (key,))


def _connect(path: str) -> sqlite3.Connection:
    try:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise StateFileUnusable(f"The state file {path} cannot be used: {error}") from error
    connection.row_factory = sqlite3.Row
    return connection


def decode(text: str) -> Entity:
    entity: Entity = json.loads(text)
    return entity
