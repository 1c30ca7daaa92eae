"""The page that documents every fault, every action and every magic value."""

import json
from collections.abc import Mapping
from typing import Any

from payments.sandbox.app import Sandbox
from payments.sandbox.disputes import STATUS_AFTER
from payments.sandbox.entities import Entity
from payments.sandbox.faults import DEFAULT_SECONDS, EVENTS, OPERATIONS
from payments.sandbox.magic import FAULTS_BY_AMOUNT, MAGIC_VPAS
from payments.sandbox.messages import Request, Response
from payments.sandbox.pages import Safe, join, page, render, rupees

WITH_KEYS = 'curl -u "$RAZORPAY_KEY_ID:$RAZORPAY_KEY_SECRET" '

API_FAULTS = {
    "rate_limited": "429 with Razorpay's error; nothing is done.",
    "server_error": "500 with Razorpay's error; nothing is done.",
    "bad_gateway": "502 with a page of HTML; nothing is done.",
    "slow": "Waits, then does the work and answers.",
    "silent": "Waits, then hangs up; nothing is done.",
    "reset_before": "A TCP reset; nothing is done.",
    "reset_after": "The work is done, then a TCP reset.",
    "answer_lost": "The work is done, then silence, then the connection is closed.",
}
WEBHOOK_FAULTS = {
    "drop": "Never sent: it counts as given up and is not retried.",
    "duplicate": "Sent twice.",
    "delay": "Sent so many seconds later.",
    "reorder": "Held back until a later event is delivered, or the seconds have passed.",
}
# Each action: its path, a body that shows what it takes, and what then happens.
ACTIONS: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "/payments/$PAYMENT/dashboard-refund",
        {"amount": 10000},
        "A refund by hand, without receipt and key; of all that is left without an amount.",
    ),
    (
        "/refunds/$REFUND/fail",
        {},
        "The buyer's bank returns a processed refund: it has failed, and refund.failed is sent.",
    ),
    (
        "/payments/$PAYMENT/authorize",
        {},
        "Late authorisation: a failed payment is authorised, and captured by the usual rules.",
    ),
    (
        "/orders/$ORDER/second-capture",
        {},
        "One more payment of an order that is paid, captured all the same.",
    ),
    (
        "/payments/$PAYMENT/dispute",
        {"amount": 10000, "phase": "chargeback", "reason_code": "duplicate_processing"},
        "A dispute; every field may be left out. Read it at /v1/disputes.",
    ),
    (
        "/disputes/$DISPUTE/won",
        {},
        f"One step of a dispute: {', '.join(STATUS_AFTER)}; won, lost and closed are the end. "
        "What is lost, all of it or an amount named with it, is in the settlement report.",
    ),
    (
        "/settlements/$PAYMENT/adjust",
        {"difference": -100},
        "The settlement report shows this payment, refund or dispute off by so many paise.",
    ),
    ("/settlements/process", {}, "The event settlement.processed for today."),
    (
        "/clock",
        {"speed": 3600},
        "Retries and expiries come so much faster; GET shows the speed.",
    ),
)


def show_fault_help(sandbox: Sandbox, request: Request) -> Response:
    url = f"http://{request.headers.get('host', 'localhost')}"
    content = render(
        "fault_help.html",
        armed=join([_armed_row(fault) for fault in sandbox.faults.list_all()])
        or render("empty_row.html", text="No fault is armed."),
        api_faults=_fault_entries(url, API_FAULTS, where="create_order"),
        webhook_faults=_fault_entries(url, WEBHOOK_FAULTS, where="payment.captured"),
        operations=", ".join(OPERATIONS),
        events=", ".join(EVENTS),
        actions=join([_action_entry(url, *action) for action in ACTIONS]),
        vpas=join([_vpa_entry(url, vpa) for vpa in MAGIC_VPAS]),
        amounts=join([_amount_entry(url, amount) for amount in FAULTS_BY_AMOUNT]),
        control=join(
            [
                _entry("GET /faults", "The same as JSON.", f"{WITH_KEYS}{url}/faults"),
                _removal(url, "/faults", "Remove all of them."),
                _removal(url, "/faults/$FAULT", "Remove one."),
            ]
        ),
    )
    return page("Faults on demand", content)


def _removal(url: str, path: str, text: str) -> Safe:
    return _entry(f"DELETE {path}", text, f"{WITH_KEYS}-X DELETE {url}{path}")


def _armed_row(fault: Entity) -> Safe:
    times = "until removed" if fault["times"] == 0 else fault["times"]
    return render("fault_row.html", **fault | {"times": times})


def _fault_entries(url: str, faults: Mapping[str, str], *, where: str) -> Safe:
    return join(
        [
            _entry(
                kind,
                text + _default_of(kind),
                _post(f"{url}/faults", {"kind": kind, "where": where} | _seconds_of(kind)),
            )
            for kind, text in faults.items()
        ]
    )


def _default_of(kind: str) -> str:
    seconds = DEFAULT_SECONDS.get(kind)
    return f" {seconds} seconds unless you name another number." if seconds else ""


def _seconds_of(kind: str) -> dict[str, int]:
    return {"seconds": DEFAULT_SECONDS[kind]} if kind in DEFAULT_SECONDS else {}


def _action_entry(url: str, path: str, body: Mapping[str, Any], text: str) -> Safe:
    return _entry(f"POST {path}", text, _post(url + path, body))


def _vpa_entry(url: str, vpa: str) -> Safe:
    line = f"curl {url}/checkout/$ORDER/pay -H 'Accept: application/json' -d vpa={vpa}"
    return _entry(vpa, f"It {MAGIC_VPAS[vpa]}.", line)


def _amount_entry(url: str, amount: int) -> Safe:
    kind = FAULTS_BY_AMOUNT[amount]
    body = {"amount": amount, "currency": "INR", "receipt": f"R-{amount}"}
    text = f"{rupees(amount)}, {kind}: {API_FAULTS[kind]}"
    return _entry(str(amount), text, _post(f"{url}/v1/orders", body))


def _post(url: str, body: Mapping[str, Any]) -> str:
    if not body:
        return f"{WITH_KEYS}-X POST {url}"
    return f"{WITH_KEYS}{url} -d '{json.dumps(body, separators=(',', ':'))}'"


def _entry(name: str, text: str, line: str) -> Safe:
    return render("help_entry.html", name=name, text=text, line=line)
