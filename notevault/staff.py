"""The staff groups and what each may do, written down once and applied after `migrate`."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.db.models.signals import post_migrate

VIEW_SALES = (
    "payments.view_order",
    "payments.view_orderitem",
    "payments.view_ordermove",
    "payments.view_payment",
    "payments.view_paymentmove",
    "payments.view_refund",
    "payments.view_refundmove",
    "payments.view_refundrequest",
    "payments.view_refundrequestline",
    "payments.view_requestmove",
    "payments.view_webhookevent",
    "payments.view_invoice",
)
VIEW_DISPUTES = (
    "payments.view_dispute",
    "payments.view_disputemove",
    "payments.view_reversal",
)
VIEW_PAYOUTS = (
    "payments.view_payout",
    "payments.view_payoutmove",
    "payments.view_payoutbatch",
)
VIEW_RECONCILIATION = (
    "payments.view_reconciliationrun",
    "payments.view_reconciliationbreak",
    "payments.view_breakmove",
)
VIEW_LEDGER = (
    "payments.view_ledgeraccount",
    "payments.view_ledgertransaction",
    "payments.view_ledgerentry",
    "payments.view_ledgerproof",
)
VIEW_COUPONS = ("payments.view_coupon", "payments.view_couponuse")
VIEW_NOTES = (
    "notes.view_note",
    "notes.view_notemove",
    "notes.view_category",
    "notes.view_noteaccess",
    "notes.view_downloadevent",
)
VIEW_OPS = (
    "ops.view_circuitbreaker",
    "ops.view_breakermove",
    "ops.view_deadletter",
    "ops.view_deadlettermove",
    "ops.view_failedrun",
    "ops.view_backup",
)
VIEW_ALERTS = (
    "alerts.view_alert",
    "alerts.view_alertmove",
    "alerts.view_alertdelivery",
    "alerts.view_receiver",
    "alerts.view_receivermove",
)
GROUPS: dict[str, tuple[str, ...]] = {
    "Support": (
        *VIEW_SALES,
        *VIEW_DISPUTES,
        *VIEW_PAYOUTS,
        *VIEW_COUPONS,
        *VIEW_NOTES,
        "notes.reset_downloads",
        "payments.decide_refund",
        "accounts.view_user",
    ),
    "Finance": (
        *VIEW_SALES,
        *VIEW_DISPUTES,
        *VIEW_PAYOUTS,
        *VIEW_COUPONS,
        *VIEW_RECONCILIATION,
        *VIEW_LEDGER,
        *VIEW_OPS,
        *VIEW_ALERTS,
        "alerts.handle_alert",
        "payments.decide_refund",
        "payments.resolve_quarantine",
        "payments.close_break",
        "payments.manage_payout",
        "payments.add_coupon",
        "payments.change_coupon",
        "ops.replay_deadletter",
        "ops.force_breaker",
    ),
    "Moderator": (
        *VIEW_NOTES,
        "notes.moderate_note",
        "notes.add_category",
        "notes.change_category",
    ),
    "Auditor": (
        *VIEW_SALES,
        *VIEW_DISPUTES,
        *VIEW_PAYOUTS,
        *VIEW_COUPONS,
        *VIEW_RECONCILIATION,
        *VIEW_LEDGER,
        *VIEW_NOTES,
        *VIEW_OPS,
        *VIEW_ALERTS,
        "accounts.view_user",
    ),
}


def connect() -> None:
    # A receiver, because permissions exist only once `migrate` has run for every app;
    # payments is the last of them that has any.
    post_migrate.connect(apply_groups, sender=apps.get_app_config("payments"))


def apply_groups(*, using: str = "default", **_: Any) -> None:
    for name, labels in GROUPS.items():
        group, _created = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(_permissions(labels, using))


def _permissions(labels: tuple[str, ...], using: str) -> list[Permission]:
    wanted = Q()
    for label in labels:
        app, _, codename = label.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.using(using).filter(wanted))
