"""Real bodies of the payout endpoints for the API's documentation."""

from notevault.kit.openapi import request_example, response_example

_REQUESTED = {
    "id": "0198f0d1-3c40-7b12-9d3e-5f6a7b8c9d0e",
    "state": "requested",
    "amount_paise": 250000,
    "currency": "INR",
    "upi_id": "asha.rao@okhdfcbank",
    "bank_account": None,
    "utr": None,
    "refused_why": None,
    "created_at": "2026-12-01T06:12:44.310000Z",
    "paid_at": None,
}
_PAID = {
    **_REQUESTED,
    "id": "0198e5a0-7d11-7c33-8a4b-1c2d3e4f5a6b",
    "state": "paid",
    "upi_id": None,
    "bank_account": {
        "holder_name": "ASHA RAO",
        "account_number": "XXXXXXXXXX4321",
        "ifsc": "HDFC0001234",
    },
    "utr": "HDFCN52026112712",
    "created_at": "2026-11-26T10:02:18.905000Z",
    "paid_at": "2026-11-27T12:40:00Z",
}

TO_UPI = request_example("To a UPI id", {"amount_paise": 250000, "upi_id": "asha.rao@okhdfcbank"})
TO_BANK = request_example(
    "To a bank account",
    {
        "amount_paise": 250000,
        "bank_account": {
            "holder_name": "ASHA RAO",
            "account_number": "50100123454321",
            "ifsc": "HDFC0001234",
        },
    },
)
REQUESTED = response_example("Requested", _REQUESTED, 201)
PAID = response_example("Paid", _PAID)
PAYOUTS = response_example(
    "A page",
    {
        "available_paise": 118450,
        "in_transit_paise": 250000,
        "items": [_REQUESTED, _PAID],
        "next_cursor": None,
    },
)
