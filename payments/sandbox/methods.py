"""How a buyer pays: UPI, card or netbanking, and what makes each of them fail."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from payments.sandbox.entities import Entity, new_id, random_digits
from payments.sandbox.errors import RazorpayError
from payments.sandbox.magic import DOLLARS, LATE, MANUAL, WRONG_AMOUNT

VPA = re.compile(r"[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}")
SUCCEEDING_VPA = "success@razorpay"
FAILING_VPA = "failure@razorpay"
ONE_RUPEE = 100
TEST_CARD = "4100280000001007"
BANKS = {
    "HDFC": "HDFC Bank",
    "ICIC": "ICICI Bank",
    "SBIN": "State Bank of India",
    "UTIB": "Axis Bank",
}


@dataclass(frozen=True)
class Failure:
    description: str
    source: str
    step: str
    reason: str


@dataclass(frozen=True)
class Attempt:
    """`instrument` holds the payment fields of the method, `failure` how it will end.

    `shortfall` is what the bank sends too little, in paise.
    """

    method: str
    instrument: Entity
    failure: Failure | None = None
    shortfall: int = 0
    is_left_to_merchant: bool = False


def read_attempt(fields: Mapping[str, str]) -> Attempt:
    """What the buyer filled in; raises RazorpayError when no bank would even be asked.

    `outcome=failure` makes any method fail.
    """
    readers = {"upi": _read_upi, "card": _read_card, "netbanking": _read_netbanking}
    reader = readers.get(fields.get("method", "upi"))
    if reader is None:
        raise RazorpayError("The selected method is invalid.", field="method")
    outcome = fields.get("outcome", "success")
    if outcome not in ("success", "failure"):
        raise RazorpayError("The selected outcome is invalid.", field="outcome")
    return reader(fields, outcome == "failure")


def _read_upi(fields: Mapping[str, str], fails: bool) -> Attempt:
    vpa = fields.get("vpa", "").strip()
    if not VPA.fullmatch(vpa):
        raise RazorpayError(
            "Invalid VPA. Please enter a valid Virtual Payment Address", field="vpa"
        )
    failure = _declined_by("issuer") if fails or vpa in (FAILING_VPA, LATE) else None
    return Attempt(
        "upi",
        upi_instrument(vpa, reference=None if failure else random_digits(12)),
        failure,
        shortfall=ONE_RUPEE if vpa == WRONG_AMOUNT else 0,
        is_left_to_merchant=vpa == MANUAL,
    )


def upi_instrument(vpa: str, *, reference: str | None) -> Entity:
    upi = {"payer_account_type": "bank_account", "vpa": vpa, "flow": "collect"}
    instrument: Entity = {"vpa": vpa, "upi": upi, "acquirer_data": {"rrn": reference}}
    return instrument | {"currency": "USD"} if vpa == DOLLARS else instrument


def _read_card(fields: Mapping[str, str], fails: bool) -> Attempt:
    number = re.sub(r"[ -]", "", fields.get("card_number", ""))
    if not re.fullmatch(r"[0-9]{13,19}", number) or not _passes_luhn(number):
        raise RazorpayError("Your card number is invalid.", field="card_number")
    failure = _declined_by("issuer") if fails else None
    if not re.fullmatch(r"[0-9]{4,10}", fields.get("otp", "").strip()):
        failure = Failure(
            "Payment processing failed because of incorrect OTP",
            source="customer",
            step="payment_authentication",
            reason="incorrect_otp",
        )
    code = None if failure else random_digits(6)
    return Attempt(
        "card", {"card_id": new_id("card"), "acquirer_data": {"auth_code": code}}, failure
    )


def _read_netbanking(fields: Mapping[str, str], fails: bool) -> Attempt:
    bank = fields.get("bank", "HDFC")
    if bank not in BANKS:
        raise RazorpayError("The selected bank is invalid.", field="bank")
    failure = _declined_by("bank") if fails else None
    reference = None if failure else random_digits(10)
    return Attempt(
        "netbanking", {"bank": bank, "acquirer_data": {"bank_transaction_id": reference}}, failure
    )


def _declined_by(source: str) -> Failure:
    return Failure(
        "Payment failed", source=source, step="payment_authorization", reason="payment_failed"
    )


def _passes_luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(map(int, reversed(number))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
