"""What `/health/detailed` says of the files."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import ClassVar

from health_check.checks import Storage as StorageWorks
from health_check.exceptions import ServiceUnavailable

from notes.storage.local import LocalNoteStorage
from ops.health.check import Check


@dataclass
class Storage(StorageWorks, Check):
    """A local file can be written, read and removed.

    Cloudinary is not asked, for a probe may load nobody else's service: its keys are there,
    or it would not have been chosen, and its breaker says how real calls go.
    """

    needs_database: ClassVar[bool] = False

    alias: str = "notes"

    def get_file_name(self) -> str:
        return f"probes/{uuid.uuid4()}.txt"

    def run(self) -> None:
        is_local = isinstance(self.storage, LocalNoteStorage)
        self.details["store"] = "local" if is_local else "cloudinary"
        if not is_local:
            return
        try:
            super().run()
        except OSError as error:
            raise ServiceUnavailable(error.strerror or type(error).__name__) from error
