"""Real bodies for the API's documentation."""

from notevault.kit.openapi import request_example, response_example

_ID = "0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f"
_NEW = {
    "title": "Operating Systems: scheduling and deadlocks",
    "description": "Unit 2 and 3 with solved questions of the last five years.",
    "category": "computer-science",
    "price_paise": 9900,
    "university": "University of Mumbai",
    "course": "B.E. Computer Engineering",
    "semester": 4,
    "language": "en",
}
_NOTE = {
    "id": _ID,
    **_NEW,
    "page_count": 42,
    "sales_count": 17,
    "published_at": "2026-11-20T10:15:00+05:30",
    "seller_name": "Ravi Notes",
}
_OWN = {
    **_NOTE,
    "published_at": None,
    "sales_count": 0,
    "state": "draft",
    "created_at": "2026-11-19T21:02:11+05:30",
    "rejected_why": "",
}
_CURSOR = "kq2v0x7m1m0m3nq4u8y1ZVsiMjAyNi0xMS0yMFQxMDoxNTowMCswNTozMCJd"

CATEGORIES = response_example(
    "Categories", {"items": [{"slug": "computer-science", "name": "Computer Science"}]}
)
NOTE = response_example("A note", _NOTE)
NOTE_LIST = response_example("A page", {"items": [_NOTE], "next_cursor": _CURSOR})
SUGGESTIONS = response_example(
    "What `sched` may become", {"items": ["Operating Systems: scheduling and deadlocks"]}
)
NEW_NOTE = request_example("A new note", _NEW)
NOTE_EDIT = request_example("A new price", {"price_paise": 7900})
FILE_UPLOAD = request_example("A PDF", {"file": "unit-2.pdf"}, "multipart/form-data")
DRAFT = response_example("A draft", _OWN, 200, 201)
SUBMITTED = response_example("Submitted", {**_OWN, "state": "submitted"})
SELLER_NOTES = response_example("A page", {"items": [_OWN], "next_cursor": None})
LIBRARY = response_example(
    "A page",
    {
        "items": [
            {
                "id": "0198f0c4-77aa-7e10-9d3b-1c2d3e4f5a6b",
                "note_id": _ID,
                "title": _NEW["title"],
                "seller_name": "Ravi Notes",
                "page_count": 42,
                "granted_at": "2026-11-23T19:00:04+05:30",
                "downloads": 1,
            }
        ],
        "next_cursor": None,
    },
)
DOWNLOAD_LINK = response_example(
    "A link",
    {
        "url": "https://api.example.com/files/eyJuYW1lIjoibm90ZXMvMDE5OCJ9:1vN3:c2lnbmF0dXJl",
        "expires_at": "2026-11-23T19:10:04+05:30",
        "downloads_left": 19,
    },
)
