"""In a rush, who has paid gets the access before anybody gets papers and mails."""

from __future__ import annotations

from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from ops import jobs

ID = "0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f"


@pytest.mark.django_db
def test_what_a_buyer_waits_for_is_taken_first() -> None:
    for task, argument in (
        ("mail_sale", "order_id"),
        ("issue_invoice", "order_id"),
        ("handle_event", "event_id"),
        ("check_order", "order_id"),
    ):
        arguments: dict[str, Any] = {argument: ID}
        jobs.defer(f"payments.tasks.{task}", **arguments)

    # As procrastinate takes them.
    taken = ProcrastinateJob.objects.order_by("-priority", "id")
    assert [job.task_name.rpartition(".")[2] for job in taken] == [
        "handle_event",
        "check_order",
        "mail_sale",
        "issue_invoice",
    ]
