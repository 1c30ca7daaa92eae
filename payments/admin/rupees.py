"""Amounts on the pages of Django admin."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from notevault.kit import money


def rupees(column: str, description: str) -> Callable[[Any], str]:
    """A column of paise as rupees, for the fields of an admin page or inline."""

    @admin.display(description=description, ordering=column)
    def show(row: Any) -> str:
        return money.format_inr(getattr(row, column))

    show.__name__ = column  # the page names the cell by it
    return show


AMOUNT = rupees("amount_paise", "Amount")


class RupeesField(forms.DecimalField):
    """Rupees on the page, paise behind it."""

    widget = UnfoldAdminDecimalFieldWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_digits=9, decimal_places=2, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return Decimal(value) / 100 if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        rupees = super().clean(value)
        return None if rupees is None else int(rupees * 100)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
