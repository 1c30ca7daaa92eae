"""The catalogue of error codes: what each means and which HTTP status it has.

Codes are part of the API's contract: they are added, never renamed. The page at
`/api/errors/` is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """`retryable`: the same call, unchanged, may succeed later."""

    status: int
    title: str
    retryable: bool = False


CATALOGUE: dict[str, Problem] = {
    # Any endpoint
    "bad_request": Problem(400, "The request could not be read"),
    "validation_failed": Problem(400, "Some fields are not valid"),
    "invalid_cursor": Problem(404, "There is no such page of this list"),
    "not_authenticated": Problem(401, "Sign in first"),
    "token_invalid": Problem(401, "The token is not valid"),
    "permission_denied": Problem(403, "You may not do this"),
    "not_found": Problem(404, "There is nothing here"),
    "method_not_allowed": Problem(405, "This method is not supported here"),
    "length_required": Problem(411, "State the length of the body"),
    "payload_too_large": Problem(413, "The body is too large"),
    "unsupported_media_type": Problem(415, "This content type is not supported here"),
    "rate_limited": Problem(429, "Too many requests", retryable=True),
    "internal_error": Problem(500, "Something went wrong on our side", retryable=True),
    "service_unavailable": Problem(503, "The service is busy", retryable=True),
    # Accounts
    "email_taken": Problem(409, "This e-mail address has an account"),
    "password_too_weak": Problem(400, "Choose a stronger password"),
    "invalid_credentials": Problem(401, "E-mail address or password is wrong"),
    "account_locked": Problem(429, "Too many failed sign-ins", retryable=True),
    "session_ended": Problem(401, "Sign in again"),
    "not_a_seller": Problem(403, "Only sellers may do this"),
    # Notes
    "pdf_rejected": Problem(422, "The file was not accepted"),
    "note_not_editable": Problem(409, "The note cannot be changed now"),
    "note_move_refused": Problem(409, "The note cannot move to that state"),
    "note_has_no_file": Problem(409, "The note has no file"),
    "note_already_owned": Problem(409, "You own this note"),
    "download_limit_reached": Problem(409, "No downloads are left"),
    "refund_under_way": Problem(409, "The price is on its way back"),
    "storage_unavailable": Problem(503, "The file store does not answer", retryable=True),
    "link_expired": Problem(404, "The link is no longer valid"),
    # Orders and payments
    "idempotency_key_in_use": Problem(409, "The first request is under way", retryable=True),
    "idempotency_key_reused": Problem(422, "The key belongs to another request"),
    "note_not_for_sale": Problem(409, "The note is not for sale"),
    "own_note": Problem(409, "You cannot buy your own note"),
    "note_in_open_order": Problem(409, "The note is in an order that waits for payment"),
    "order_not_cancellable": Problem(409, "The order cannot be cancelled"),
    "coupon_not_found": Problem(404, "There is no such coupon"),
    "coupon_expired": Problem(409, "The coupon has expired"),
    "coupon_used_up": Problem(409, "The coupon has been used up"),
    "coupon_already_used": Problem(409, "You have used this coupon"),
    "coupon_minimum_not_met": Problem(422, "The order is too small for this coupon"),
    "coupon_not_for_these_notes": Problem(422, "The coupon is for other notes"),
    "coupon_changed": Problem(409, "The coupon has just been changed"),
    "checkout_in_progress": Problem(503, "The order is being prepared", retryable=True),
    "gateway_unavailable": Problem(503, "The payment gateway does not answer", retryable=True),
    "gateway_outcome_unknown": Problem(503, "The gateway's answer was lost", retryable=True),
    "gateway_declined": Problem(402, "The payment was declined"),
    "gateway_rejected": Problem(502, "The payment gateway refused our request"),
    "signature_invalid": Problem(400, "The signature does not match"),
    "payment_mismatch": Problem(409, "The payment does not belong to this order"),
    "days_out_of_range": Problem(400, "These days cannot be reconciled"),
    "break_not_open": Problem(409, "The break is not open"),
    "payment_not_quarantined": Problem(409, "The payment is not in quarantine"),
    "nothing_to_give_back": Problem(409, "Nothing is to be given back"),
    "refund_not_allowed": Problem(409, "The order cannot be refunded"),
    "refund_window_closed": Problem(409, "The time to ask for a refund is over"),
    "refund_already_asked": Problem(409, "A refund of this note was asked for before"),
    "nothing_left_to_refund": Problem(409, "Nothing is left to refund"),
    "refund_amount_not_allowed": Problem(409, "This amount cannot be refunded"),
    "refund_not_pending": Problem(409, "The refund does not wait for a decision"),
    "same_approver": Problem(409, "Another person has to approve"),
    "own_refund": Problem(403, "You cannot decide on your own refund"),
    "line_exhausted": Problem(409, "Nothing more can be taken back from this note"),
    "payment_disputed": Problem(409, "The payment is disputed"),
    "payout_too_small": Problem(422, "The amount is too small for a payout"),
    "balance_too_low": Problem(409, "The available balance is too low"),
    "own_payout": Problem(403, "You cannot decide on your own payout"),
    "payout_move_refused": Problem(409, "The payout cannot be moved there now"),
    "nothing_to_export": Problem(409, "No payout waits to be exported"),
    "mixed_payout_formats": Problem(409, "UPI and bank payouts go into files of their own"),
    "answer_file_refused": Problem(400, "The bank's answer could not be read"),
    "webhook_refused": Problem(400, "The webhook was not accepted"),
    # Operations
    "replay_refused": Problem(409, "The dead letter cannot be replayed"),
}
