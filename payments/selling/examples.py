"""Real bodies for the documentation of the seller's views."""

from notevault.kit.openapi import response_example

_NOTE_ID = "0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f"
_TITLE = "Operating Systems: scheduling and deadlocks"
_TWO_SOLD = {
    "sales": 2,
    "gross_paise": 19800,
    "share_paise": 16830,
    "refunded_paise": 8415,
    "disputed_paise": 0,
    "net_paise": 8415,
}
_NONE_SOLD = dict.fromkeys(_TWO_SOLD, 0)

DASHBOARD = response_example(
    "Two days",
    {
        "balances": {
            "pending_paise": 8415,
            "available_paise": -4200,
            "in_transit_paise": 0,
            "paid_out_paise": 150000,
            "owed_paise": 4200,
            "sentence": (
                "Refunds and disputes took ₹42.00 more than your balance held. What leaves "
                "escrow next makes up for it; until then nothing can be paid out."
            ),
        },
        "from": "2026-11-22",
        "to": "2026-11-23",
        "totals": _TWO_SOLD,
        "by_note": [{"note_id": _NOTE_ID, "title": _TITLE, **_TWO_SOLD}],
        "other_notes": _NONE_SOLD,
        "by_day": [{"day": "2026-11-22", **_NONE_SOLD}, {"day": "2026-11-23", **_TWO_SOLD}],
        "releases": [{"day": "2026-11-30", "amount_paise": 8415}],
    },
)
STATEMENT = response_example(
    "A page",
    {
        "items": [
            {
                "id": 4711,
                "at": "2026-11-23T13:30:04.870000Z",
                "account": "pending",
                "kind": "sale",
                "description": f"Sale of {_TITLE}",
                "note_id": _NOTE_ID,
                "note_title": _TITLE,
                "order_id": "0198f0c3-1f00-7aa1-b2c3-d4e5f6a7b8c9",
                "payout_id": None,
                "amount_paise": 8415,
                "balance_after_paise": 8415,
            }
        ],
        "next_cursor": None,
    },
)
STATEMENT_CSV = response_example(
    "A file",
    "time,account,kind,description,note,order_id,payout_id,amount_inr,amount_paise,"
    "balance_after_inr,balance_after_paise\r\n"
    f"2026-11-23T19:00:04+05:30,pending,sale,Sale of {_TITLE},{_TITLE},"
    "0198f0c3-1f00-7aa1-b2c3-d4e5f6a7b8c9,,84.15,8415,84.15,8415\r\n",
)
