"""The state machines of the cellar."""

from django.db import models


class BreakerState(models.TextChoices):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


BREAKER_MOVES: dict[str, set[str]] = {
    BreakerState.CLOSED: {BreakerState.OPEN},
    BreakerState.OPEN: {BreakerState.HALF_OPEN},
    # Once more half-open: whoever made the probe has died.
    BreakerState.HALF_OPEN: {BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN},
}


class Forced(models.TextChoices):
    """What staff hold a breaker in, whatever the calls say."""

    NOT = "", "not forced"
    OPEN = "open"
    CLOSED = "closed"


class LetterState(models.TextChoices):
    OPEN = "open"
    RETRYING = "retrying"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


LETTER_MOVES: dict[str, set[str]] = {
    LetterState.OPEN: {LetterState.RETRYING, LetterState.DISCARDED},
    LetterState.RETRYING: {LetterState.OPEN, LetterState.RESOLVED},
    LetterState.RESOLVED: set(),
    LetterState.DISCARDED: {LetterState.RETRYING},
}
