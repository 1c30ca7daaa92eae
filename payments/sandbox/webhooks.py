"""Sends events to the merchant: four threads that sleep until something is due."""

import heapq
import logging
import threading
from functools import partial

import requests

from payments.sandbox.clock import Clock
from payments.sandbox.faults import Fault
from payments.sandbox.outbox import Delivery, Outbox
from payments.sandbox.store import Store

ANSWER_WITHIN = 5.0
RETRY_FOR = 24 * 3600.0
FIRST_RETRY_AFTER = 10.0
THREADS = 4

logger = logging.getLogger("razorpay_sandbox.webhooks")


def retry_delay(attempts: int) -> float:
    """Sandbox seconds between the given attempt and the next: 10, 20, 40 and so on."""
    return FIRST_RETRY_AFTER * 2.0 ** min(attempts - 1, 20)


class Deliverer:
    """At least once, in no promised order, for 24 hours; then the endpoint is disabled.

    The queue in memory mirrors the pending rows of the state file.
    """

    def __init__(self, *, store: Store, clock: Clock, url: str | None) -> None:
        self.outbox = Outbox(store)
        self.url = url
        self._store = store
        self._clock = clock
        self._queue: list[tuple[float, int]] = []
        self._held: set[int] = set()
        self._wake = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to send, first of all what an earlier run left pending."""
        if self.url is None:
            return
        for due_at, delivery_id in self.outbox.list_pending():
            self.schedule(delivery_id, due_at=due_at)
        for number in range(THREADS):
            thread = threading.Thread(target=self._run, name=f"webhooks-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Send no more; what is in flight may finish, and counts as pending if it cannot."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join(ANSWER_WITHIN + 1)

    def accepts(self) -> bool:
        """Whether an event that happens now is sent at all."""
        return self.url is not None and self.outbox.disabled_at() is None

    def enqueue(self, event_id: str, *, fault: Fault | None = None) -> None:
        """Have an event sent as soon as the open transaction is committed, or as the fault says."""
        now, kind = self._clock.now(), fault.kind if fault else ""
        if kind == "drop":
            self.outbox.insert_dropped_delivery(event_id=event_id, now=now)
            return
        due_at = now + fault.seconds if fault and kind in ("delay", "reorder") else now
        for _ in range(2 if kind == "duplicate" else 1):
            delivery_id = self.outbox.insert_delivery(event_id=event_id, now=now, due_at=due_at)
            if kind == "reorder":
                self._held.add(delivery_id)
            self._store.after_commit(partial(self.schedule, delivery_id, due_at=due_at))

    def schedule(self, delivery_id: int, *, due_at: float) -> None:
        with self._wake:
            heapq.heappush(self._queue, (due_at, delivery_id))
            self._wake.notify()

    def reschedule(self) -> None:
        """Take over the times of the state file for all that is not under way already."""
        now = self._clock.now()
        later = {(due_at, number) for due_at, number in self.outbox.list_pending() if due_at > now}
        with self._wake:
            self._queue = sorted(later.union(self._queue))
            self._wake.notify_all()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (due := self._next_due()) is not None:
                try:
                    self._deliver(session, *due)
                except Exception:
                    logger.exception("Delivery %s failed in the sandbox itself", due[1])

    def _next_due(self) -> tuple[float, int] | None:
        """Wait until a delivery is due; gives since when, and its id; None means stop."""
        with self._wake:
            while not self._stopping:
                wait = self._queue[0][0] - self._clock.now() if self._queue else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._queue)
                self._wake.wait(wait)
        return None

    def _deliver(self, session: requests.Session, due_at: float, delivery_id: int) -> None:
        delivery = self.outbox.find_due(delivery_id, at=due_at)
        if delivery is None:
            return
        result = self.send(session, delivery)
        logger.info("%s %s: %s", delivery.event, delivery.event_id, result)
        with self._store.transaction():
            self.outbox.record_attempt(delivery.id, result=result)
            if result.startswith("2"):
                self.outbox.mark_delivered(delivery.id)
                self._release_held_before(delivery.id)
            else:
                self._retry_or_give_up(delivery)

    def send(self, session: requests.Session, delivery: Delivery) -> str:
        """Post the event's bytes once; gives the status, or in a word what went wrong."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Razorpay-Webhook/v1",
            "X-Razorpay-Signature": delivery.signature,
            "x-razorpay-event-id": delivery.event_id,
            "Connection": "close",
        }
        try:
            with session.post(
                self.url or "",
                data=delivery.body,
                headers=headers,
                timeout=ANSWER_WITHIN,
                allow_redirects=False,
                stream=True,
            ) as answer:
                return str(answer.status_code)
        except requests.Timeout:
            return "timeout"
        except requests.ConnectionError:
            return "unreachable"
        except requests.RequestException as error:
            return type(error).__name__

    def _release_held_before(self, delivery_id: int) -> None:
        """Send now what waited for a later event to overtake it."""
        now = self._clock.now()
        for held in [held for held in self._held if held < delivery_id]:
            self._held.discard(held)
            self.outbox.reschedule(held, due_at=now)
            self._store.after_commit(partial(self.schedule, held, due_at=now))

    def _retry_or_give_up(self, delivery: Delivery) -> None:
        now = self._clock.now()
        deadline = delivery.started_at + self._clock.lasting(RETRY_FOR)
        if now >= deadline:
            self.outbox.disable_endpoint(now=int(now))
            logger.warning("The webhook failed for 24 hours and is disabled.")
            return
        wait = self._clock.lasting(retry_delay(delivery.attempts + 1))
        due_at = min(now + wait, deadline)
        self.outbox.reschedule(delivery.id, due_at=due_at)
        self._store.after_commit(lambda: self.schedule(delivery.id, due_at=due_at))
