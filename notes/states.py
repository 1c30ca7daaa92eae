"""The life of a note."""

from django.db import models


class NoteState(models.TextChoices):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    PUBLISHED = "published"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


NOTE_MOVES: dict[str, set[str]] = {
    NoteState.DRAFT: {NoteState.SUBMITTED, NoteState.WITHDRAWN},
    NoteState.SUBMITTED: {NoteState.PUBLISHED, NoteState.REJECTED, NoteState.WITHDRAWN},
    NoteState.REJECTED: {NoteState.SUBMITTED, NoteState.WITHDRAWN},
    NoteState.PUBLISHED: {NoteState.WITHDRAWN},
    NoteState.WITHDRAWN: {NoteState.SUBMITTED},
}
# The seller may change everything in these; a published note changes its price only.
EDITABLE = (NoteState.DRAFT, NoteState.REJECTED, NoteState.WITHDRAWN)
