"""The one base of what a backup command tells its operator instead of a traceback."""

from __future__ import annotations


class BackupError(Exception):
    """It could not be done; the message is a sentence that says why and what to do."""

    exit_code = 1


class BadRequest(BackupError):
    """What was asked for makes no sense, so nothing was tried."""

    exit_code = 2
