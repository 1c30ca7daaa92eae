"""Which dead letters are meant: by the command line, by a page's filters, by a job in batches."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet

from ops.models import DeadLetter

MOST_FAULTS = 100


@dataclass(frozen=True)
class Fault:
    """Letters of one fault, however many; `error` is that of one of them."""

    fingerprint: str
    kind: str
    task: str
    letters: int
    error: str
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Selection:
    """All letters that meet every condition that is set.

    `kind` is a kind or the name of a task. `search` is an id, a fingerprint, or the id of the
    request or job behind a letter. `before` and `since` bound when it last failed.
    """

    ids: tuple[UUID, ...] = ()
    state: str = ""
    kind: str = ""
    task: str = ""
    fingerprint: str = ""
    search: str = ""
    before: datetime | None = None
    since: datetime | None = None

    def rows(self) -> QuerySet[DeadLetter]:
        return DeadLetter.objects.filter(*self.conditions())

    def conditions(self) -> list[Q]:
        conditions = [
            Q(**{name: getattr(self, name)})
            for name in ("state", "task", "fingerprint")
            if getattr(self, name)
        ]
        if self.ids:
            conditions.append(Q(pk__in=self.ids))
        if self.kind:
            conditions.append(Q(kind=self.kind) | Q(task=self.kind))
        if self.search:
            conditions.append(_named(self.search))
        if self.before:
            conditions.append(Q(last_failed_at__lte=self.before))
        if self.since:
            conditions.append(Q(last_failed_at__gte=self.since))
        return conditions

    def page(self, *, after: UUID | None, size: int) -> list[DeadLetter]:
        """The next letters, oldest first, of those beyond `after`."""
        rows = self.rows() if after is None else self.rows().filter(pk__gt=after)
        return list(rows.order_by("pk")[:size])

    def as_of(self, now: datetime) -> Self:
        """Without what fails from now on, so that nothing is met twice."""
        return replace(self, before=min(self.before, now) if self.before else now)

    def faults(self) -> list[Fault]:
        """The commonest first."""
        groups = self.rows().values("fingerprint", "kind", "task")
        counted = groups.annotate(
            letters=Count("pk"),
            error=Max("error"),
            first=Min("buried_at"),
            last=Max("last_failed_at"),
        )
        return [Fault(**row) for row in counted.order_by("-letters", "fingerprint")[:MOST_FAULTS]]

    def as_json(self) -> dict[str, Any]:
        """As a job can carry it."""
        values = asdict(self)
        values["ids"] = [str(pk) for pk in self.ids]
        for name in ("before", "since"):
            values[name] = values[name].isoformat() if values[name] else None
        return {name: value for name, value in values.items() if value}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        read = dict(values)
        read["ids"] = tuple(UUID(pk) for pk in read.get("ids", ()))
        for name in {"before", "since"} & read.keys():
            read[name] = datetime.fromisoformat(read[name])
        return cls(**read)


def _named(text: str) -> Q:
    """By indexes: a search in the text of the errors would read the whole table."""
    term = text.strip()
    named = Q(fingerprint=term) | Q(request_id=term)
    if term.isdecimal() and len(term) < 19:
        named |= Q(job_id=int(term))
    try:
        return named | Q(pk=UUID(term))
    except ValueError:
        return named
