"""The sandbox: its keys, its state and its deliverer, without any server."""

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass

from payments.sandbox.clock import Clock
from payments.sandbox.entities import Entity, event_body, new_id, stable_id
from payments.sandbox.faults import WEBHOOK_KINDS, FaultBoard
from payments.sandbox.refund_keys import KeysInUse
from payments.sandbox.store import Store
from payments.sandbox.webhooks import Deliverer


@dataclass(frozen=True)
class Config:
    """`state` is a path or ":memory:"; without `webhook_url` events are only recorded."""

    key_id: str
    key_secret: str
    webhook_secret: str
    webhook_url: str | None = None
    state: str = ":memory:"
    clock_speed: float = 1.0


class Sandbox:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.account_id = stable_id("acc", config.key_id)
        self.clock = Clock(config.clock_speed)
        self.store = Store(config.state)
        self.refund_keys = KeysInUse()
        self.faults = FaultBoard()
        self.stopping = threading.Event()
        self._receipts_met: dict[str, object] = {}
        self._waiting: list[threading.Thread] = []
        self.deliverer = Deliverer(store=self.store, clock=self.clock, url=config.webhook_url)

    def start(self) -> None:
        self.deliverer.start()

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._waiting:
            thread.join(1)
        self.deliverer.stop()
        self.store.close()

    def emit(self, event: str, **entities: Entity) -> None:
        """Record an event with snapshots of its entities, and send it after the commit."""
        event_id, created_at = new_id(), self.clock.timestamp()
        body = event_body(
            account_id=self.account_id, event=event, entities=entities, created_at=created_at
        )
        self.deliverer.outbox.insert_event(
            event_id=event_id,
            event=event,
            body=body,
            signature=sign(self.config.webhook_secret, body),
            created_at=created_at,
        )
        if self.deliverer.accepts():
            # Matched against the text that the event's reader sees, not its escaped slashes.
            text = body.decode().replace("\\/", "/")
            fault = self.faults.take(kinds=WEBHOOK_KINDS, where=event, text=text)
            self.deliverer.enqueue(event_id, fault=fault)

    def meet_first(self, receipt: str) -> bool:
        """Whether an order of this receipt is asked for the first time since the start."""
        mine = object()
        return self._receipts_met.setdefault(receipt, mine) is mine

    def set_clock(self, speed: float) -> None:
        """Have the clock run at another speed; what is still to be waited for follows it."""
        now, ratio = self.clock.now(), self.clock.speed / speed
        with self.store.transaction():
            self.store.stretch_expiries(now=now, ratio=ratio)
            self.deliverer.outbox.stretch_retries(now=now, ratio=ratio)
            self.clock.speed = speed
        self.deliverer.reschedule()

    def run_later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after so many real seconds, unless the sandbox stops before."""

        def wait() -> None:
            if not self.stopping.wait(seconds):
                action()

        thread = threading.Thread(target=wait, name="later", daemon=True)
        self._waiting = [*filter(threading.Thread.is_alive, self._waiting), thread]
        thread.start()

    def checkout_signature(self, *, order_id: str, payment_id: str) -> str:
        return sign(self.config.key_secret, f"{order_id}|{payment_id}".encode())


def sign(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
