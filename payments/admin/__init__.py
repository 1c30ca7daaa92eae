"""The money in Django admin: read-only pages, with their histories and what staff decide."""

from payments.admin import coupons, disputes, gateway, invoices, ledger, orders, payouts, refunds

__all__ = [
    "coupons",
    "disputes",
    "gateway",
    "invoices",
    "ledger",
    "orders",
    "payouts",
    "refunds",
]
