"""Which PDFs may be sold: the one door to the check of an uploaded file."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from notevault.kit.errors import DomainError

logger = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("pdf_child.py")
# -I also keeps this folder off the import path, where `selectors.py` would hide Python's own.
COMMAND = (sys.executable, "-I", "-B", str(CHILD))
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}


class PdfReason(StrEnum):
    NOT_A_PDF = "not_a_pdf"
    EMPTY = "empty"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    TOO_MANY_PAGES = "too_many_pages"
    NO_PAGES = "no_pages"
    SCRIPTS = "scripts"
    ATTACHMENTS = "attachments"
    TOO_COMPLEX = "too_complex"


MESSAGES = {
    PdfReason.NOT_A_PDF: "This file is not a PDF.",
    PdfReason.EMPTY: "This file is empty.",
    PdfReason.DAMAGED: "This PDF is damaged or cut short. Export it again and upload the new copy.",
    PdfReason.ENCRYPTED: "This PDF is encrypted. Save it without a password or restrictions.",
    PdfReason.TOO_MANY_PAGES: "This PDF has more than 500 pages. Split it into parts.",
    PdfReason.NO_PAGES: "This PDF has no pages.",
    PdfReason.SCRIPTS: "This PDF holds scripts, active forms or actions that start programs.",
    PdfReason.ATTACHMENTS: "This PDF has files, sound or video inside it. Save it without them.",
    PdfReason.TOO_COMPLEX: "This PDF is too complex to check. Print it to a new PDF and try that.",
}


class PdfRejected(DomainError):
    """The file may not be sold; `reason` says why, and the message what to do."""

    code = "pdf_rejected"

    def __init__(self, reason: PdfReason) -> None:
        super().__init__(MESSAGES[reason], reason=reason.value)
        self.reason = reason


@dataclass(frozen=True)
class PdfFacts:
    pages: int


def inspect_pdf(path: Path, *, timeout_s: float = 20) -> PdfFacts:
    """Say how many pages a file has, once its content is known to be fit for sale.

    The file's name plays no part. It is parsed in a child process with limits of its
    own (`pdf_child.py`); a child that dies or outlives `timeout_s` means too_complex.
    Raises PdfRejected, and FileNotFoundError when there is no file.
    """
    reply = _ask_child(path, timeout_s=timeout_s)
    if "refused" in reply:
        raise PdfRejected(PdfReason(reply["refused"]))
    return PdfFacts(pages=reply["pages"])


def _ask_child(path: Path, *, timeout_s: float) -> dict[str, Any]:
    with path.open("rb") as file:
        try:
            child = subprocess.run(
                COMMAND,
                stdin=file,
                capture_output=True,
                env=ENVIRONMENT,
                timeout=timeout_s,
                check=True,
            )
        except subprocess.TimeoutExpired:
            logger.warning("The check of a PDF took more than %s s", timeout_s)
            raise PdfRejected(PdfReason.TOO_COMPLEX) from None
        except subprocess.CalledProcessError as death:
            last_words = death.stderr.decode(errors="replace")[-500:]
            logger.warning("The check of a PDF died with %s: %s", death.returncode, last_words)
            raise PdfRejected(PdfReason.TOO_COMPLEX) from None
    reply: dict[str, Any] = json.loads(child.stdout)
    return reply
