"""The cellar in Django admin, and the bases of everybody's pages."""

from ops.admin import backups, breakers, letters
from ops.admin.pages import (
    HistoryInline,
    ReadOnlyAdmin,
    ReadOnlyRows,
    ReasonForm,
    shown_once,
    staff_id,
)

__all__ = [
    "HistoryInline",
    "ReadOnlyAdmin",
    "ReadOnlyRows",
    "ReasonForm",
    "backups",
    "breakers",
    "letters",
    "shown_once",
    "staff_id",
]
