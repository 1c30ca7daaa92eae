"""Real bodies of invoices and credit notes for the API's documentation."""

from notevault.kit.openapi import response_example

_ORDER_URL = "https://api.notevault.com/api/v1/orders/0198f0c3-1f00-7aa1-b2c3-d4e5f6a7b8c9"
BILLING = {"name": "Nina Kapoor", "state": "MH"}
INVOICE = {
    "number": "NV2627/000042",
    "issued_at": "2026-11-23T13:30:05.020000Z",
    "url": f"{_ORDER_URL}/invoice",
}

CREDIT_NOTES = response_example(
    "A refund of one note",
    {
        "items": [
            {
                "id": "0198f4d1-7c10-7b6e-9d2a-5f0e1c2b3a49",
                "kind": "credit_note",
                "number": "NC2627/000007",
                "corrects": "NV2627/000042",
                "issued_at": "2026-11-24T09:12:44.310000Z",
                "total_paise": 9900,
                "url": f"{_ORDER_URL}/credit-notes/0198f4d1-7c10-7b6e-9d2a-5f0e1c2b3a49",
            }
        ]
    },
)
