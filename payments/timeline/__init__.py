"""What happened to an order and to its money, in the order in which it happened."""

from payments.timeline.reading import Story, buyers_story, staff_story

__all__ = ["Story", "buyers_story", "staff_story"]
