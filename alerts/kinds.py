"""Every kind of alert: what raises it, and what to do about it at three in the morning.

`raise_alert` refuses a kind that is not here, except in production, where an alert matters
more than its name.
"""

from __future__ import annotations

from dataclasses import dataclass

from alerts.models import Severity


@dataclass(frozen=True)
class Kind:
    """`severity` is empty where it depends on the case."""

    name: str
    severity: str
    raised_when: str
    what_to_do: str


UNKNOWN = Kind(
    "",
    "",
    "Something raised an alert of a kind that the catalogue does not know.",
    "Read the message, and search the code for the kind. Then add it to alerts/kinds.py.",
)

_RECONCILIATION_DESK = (
    "No money moves until somebody decides. Open Reconciliation breaks in admin, compare the "
    "row with the gateway's dashboard, and close it with the reason. "
)

KINDS = (
    Kind(
        "accounts.refresh_reused",
        Severity.HIGH,
        "A refresh token that was spent already is used again: a client's bug, or a thief.",
        "The session has been ended, so nothing is urgent. If the same user shows up again, or "
        "many users do, ask them to change their passwords and look at the sign-in log.",
    ),
    Kind(
        "alerts.channel_failing",
        Severity.HIGH,
        "A channel has not taken an alert for a quarter of an hour.",
        "Look at Alert deliveries of the alerts in admin for the error. Check the channel's "
        "address and keys in the environment, and whether the receiver is up. What waits is "
        "delivered by itself once the receiver answers, for three days.",
    ),
    Kind(
        "alerts.receiver_gone",
        Severity.HIGH,
        "A receiver answered 410: it is gone for good, and was switched off.",
        "Make a new webhook at the receiver and set it in SECURITY_WEBHOOK_URL; a new address is "
        "used at once. If the old one works again, enable the receiver in admin.",
    ),
    Kind(
        "alerts.test",
        Severity.WARNING,
        "Somebody tried whether alerts arrive.",
        "Nothing is to be done: it arrived.",
    ),
    Kind(
        "ops.backup_old",
        Severity.HIGH,
        "The newest backup that was restored and found right is more than 26 hours old.",
        "Run `manage.py backup_verify` and read its error; run `manage.py backup` if the newest "
        "backup is old. Look at the nightly job that does both, and at the space that is left.",
    ),
    Kind(
        "ops.breaker_changed",
        Severity.CRITICAL,
        "The circuit breaker of an upstream opens, by its failed calls or by staff.",
        "Check the upstream's status page. If it is down, wait: one call is let through every "
        "30 s, and this alert resolves itself. If it is up, look for time-outs and for changed "
        "credentials in our log. Staff can force the breaker in admin.",
    ),
    Kind(
        "ops.dead_letters",
        Severity.CRITICAL,
        "More than ten jobs have given up and wait for somebody.",
        "Run `manage.py dead_letters list`. Cure what their errors name, then replay them: "
        "`manage.py dead_letters replay --all --dry-run`, and the same without --dry-run.",
    ),
    Kind(
        "payments.break_missing_here",
        Severity.HIGH,
        "The gateway knows a payment, refund or settlement that our books lack.",
        _RECONCILIATION_DESK + "A payment without an order is given back at the gateway.",
    ),
    Kind(
        "payments.break_missing_there",
        Severity.HIGH,
        "Our books hold a payment, refund or settlement that the gateway does not list.",
        _RECONCILIATION_DESK + "Ask the gateway's support for the id in the row.",
    ),
    Kind(
        "payments.break_amount",
        Severity.HIGH,
        "An amount in our books differs from the gateway's, or from what reached the bank.",
        _RECONCILIATION_DESK + "Ask the gateway for what it deducted, with the UTR of the row.",
    ),
    Kind(
        "payments.break_status",
        Severity.HIGH,
        "The gateway says something else became of a payment or refund than our books say.",
        _RECONCILIATION_DESK + "Run `manage.py sweep` first: it asks the gateway once more.",
    ),
    Kind(
        "payments.break_fee",
        Severity.HIGH,
        "The gateway's fee or tax differs from the one it told us before.",
        _RECONCILIATION_DESK + "Compare with the fee that the contract names.",
    ),
    Kind(
        "payments.break_duplicate",
        Severity.HIGH,
        "The settlement report settles the same payment or refund twice.",
        _RECONCILIATION_DESK + "Ask the gateway which of the two settlements is right.",
    ),
    Kind(
        "payments.dispute",
        "",
        "A buyer's bank disputes a payment, or the dispute's state changes.",
        "Open the dispute in admin. If it has a deadline, send the gateway the evidence that "
        "the page shows: the purchase, the downloads, the stamped file.",
    ),
    Kind(
        "payments.dispute_unanswered",
        "",
        "A dispute's deadline comes near, and nobody has answered it.",
        "Answer it in the gateway's dashboard with the evidence from admin, or accept it "
        "there. Once the deadline is over its money is lost.",
    ),
    Kind(
        "payments.dispute_amount_unknown",
        Severity.HIGH,
        "A dispute is lost, and the gateway does not say what it deducted.",
        "All of the money counts as gone. Ask the gateway for the amount, and correct the "
        "difference in the ledger when it is known. It can wait for office hours.",
    ),
    Kind(
        "payments.dispute_decided_twice",
        Severity.CRITICAL,
        "The gateway decides a dispute against the decision that we have acted on.",
        "Nothing was moved the second time. Ask the gateway which decision stands, and let "
        "finance settle the difference with the seller.",
    ),
    Kind(
        "payments.forged_verification",
        Severity.WARNING,
        "A client sends a payment's confirmation with a wrong signature.",
        "It was refused, and the gateway is asked instead. If there are many, check that "
        "RAZORPAY_KEY_SECRET is the one of this environment's key.",
    ),
    Kind(
        "payments.promise_broken",
        Severity.CRITICAL,
        "The hourly proof of the books found rows that break a promise about money.",
        "Run `manage.py verify_ledger` and read which promise and which row. Stop payouts "
        "until it is understood. Change no row by hand: wake whoever knows the ledger.",
    ),
    Kind(
        "payments.quarantined",
        Severity.CRITICAL,
        "A captured payment does not match its order in amount, currency or order.",
        "The buyer has paid and has no access. Open the payment in admin, and accept it or "
        "give it back there.",
    ),
    Kind(
        "payments.refund_failed",
        Severity.CRITICAL,
        "The gateway refuses a refund that we owe.",
        "Read the reason on the refund's page in admin. Mostly the gateway's balance is too "
        "low: top it up, then retry the refund there.",
    ),
    Kind(
        "payments.refund_made_elsewhere",
        Severity.HIGH,
        "A refund was made in the gateway's dashboard instead of here.",
        "It is in the books. Find out who made it and why, and whether the buyer should "
        "keep the note.",
    ),
    Kind(
        "payments.taken_twice",
        Severity.CRITICAL,
        "The gateway took money for a lost dispute that a refund had given back already.",
        "The house bears it. Claim it back from the gateway with the ids in this alert.",
    ),
    Kind(
        "payments.webhook_forged",
        Severity.HIGH,
        "The webhook endpoint gets a body whose signature is wrong.",
        "If the secret was just changed, set RAZORPAY_WEBHOOK_SECRET_PREVIOUS to the old one. "
        "Otherwise somebody is trying: nothing was stored, and nothing is to be done.",
    ),
    Kind(
        "payments.webhook_out_of_time",
        Severity.HIGH,
        "A signed webhook is dated in the future, or more than 16 days back.",
        "Check this server's clock against the time. If it is right, somebody replays old "
        "events: they were refused.",
    ),
    Kind(
        "payments.webhooks_silent",
        Severity.HIGH,
        "Payments are captured, and the gateway's webhooks do not tell of them.",
        "No sale is lost: the gateway is asked as well. Open the webhook in the gateway's "
        "dashboard: it is disabled after a day of failures. Check that its address reaches us.",
    ),
)
CATALOGUE = {kind.name: kind for kind in KINDS}


def find(name: str) -> Kind:
    """The kind of that name, or UNKNOWN."""
    return CATALOGUE.get(name, UNKNOWN)
