"""Background work of the catalogue."""

from __future__ import annotations

from uuid import UUID

from notes import services
from notevault.kit import clock
from ops.jobs import job


@job(queue="files", kind="file")
def remove_unused_file(*, file_id: str) -> None:
    services.remove_unused_file(file_id=UUID(file_id), now=clock.now())
