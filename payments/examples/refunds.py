"""Real bodies for the documentation of the refund endpoints."""

from notevault.kit.openapi import request_example, response_example

_ORDER_ID = "0198f0c3-1f00-7aa1-b2c3-d4e5f6a7b8c9"
_NOTE_ID = "0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f"
_LINE = {
    "note_id": _NOTE_ID,
    "title": "Operating Systems: scheduling and deadlocks",
    "paid_paise": 9900,
    "amount_paise": 9900,
}
_APPROVED = [
    {"state": "requested", "at": "2026-11-23T18:02:11.400000Z"},
    {"state": "approved", "at": "2026-11-23T18:02:11.400000Z"},
]
_REQUEST = {
    "id": "0198f5d0-3c11-7b02-9d4e-5f60718293a4",
    "order_id": _ORDER_ID,
    "state": "approved",
    "next_step": "wait_for_gateway",
    "amount_paise": 9900,
    "currency": "INR",
    "reason": "bought_by_mistake",
    "comment": "I meant the second edition.",
    "asked_by": "buyer",
    "decider": "automatic",
    "decided_why": "",
    "created_at": "2026-11-23T18:02:11.400000Z",
    "decided_at": "2026-11-23T18:02:11.400000Z",
    "processed_at": None,
    "arrives_from": None,
    "arrives_by": None,
    "items": [_LINE],
    "history": _APPROVED,
}
_COMPLETED = {
    **_REQUEST,
    "state": "completed",
    "next_step": "wait_for_bank",
    "processed_at": "2026-11-23T18:02:13.050000Z",
    "arrives_from": "2026-11-30",
    "arrives_by": "2026-12-02",
    "history": [*_APPROVED, {"state": "completed", "at": "2026-11-23T18:02:13.050000Z"}],
}

PREVIEW_ASK = request_example("The whole order", {"order_id": _ORDER_ID})
PREVIEW_PART = request_example(
    "A part of one note",
    {"order_id": _ORDER_ID, "items": [{"note_id": _NOTE_ID, "amount_paise": 4000}]},
)
PREVIEW = response_example(
    "Within a day, not downloaded",
    {
        "order_id": _ORDER_ID,
        "amount_paise": 9900,
        "currency": "INR",
        "decider": "automatic",
        "ask_by": "2026-11-30T13:30:04.870000Z",
        "items": [
            {
                **_LINE,
                "left_paise": 9900,
                "is_whole": True,
                "decider": "automatic",
                "refusal": None,
            }
        ],
    },
)
ASK = request_example(
    "One note",
    {
        "order_id": _ORDER_ID,
        "items": [{"note_id": _NOTE_ID}],
        "reason": "bought_by_mistake",
        "comment": "I meant the second edition.",
    },
)
ASKED = response_example("Approved by rule", _REQUEST, 201)
REQUEST = response_example("The money is sent", _COMPLETED)
REQUEST_LIST = response_example("A page", {"items": [_COMPLETED], "next_cursor": None})
