"""Serializer fields for JSON bodies: a number is not a text, and a text is no number.

DRF's own convert `0` to "0" and "12" to 12, so a client's mistake would pass unnoticed.
Query parameters are text by nature and keep DRF's fields.
"""

from __future__ import annotations

import re
from typing import Any

from django.core.validators import EmailValidator, RegexValidator
from rest_framework import serializers


class _OnlyText:
    """A mixin: `fail` and `super()` are those of the field it stands before."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")  # type: ignore[attr-defined]
        return super().to_internal_value(data)  # type: ignore[misc]


class TextField(_OnlyText, serializers.CharField):
    pass


class EmailField(_OnlyText, serializers.EmailField):
    pass


class SlugField(_OnlyText, serializers.SlugField):
    pass


class UUIDField(_OnlyText, serializers.UUIDField):
    pass


class WholeField(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            data = int(data)  # JSON knows no difference between 5.0 and 5
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


# A schema can state these, so that a client knows what is refused before it asks. Each is
# matched in linear time, but for the spaces behind a line: its length is looked at first.
_ANYTHING = r"^[^\x00]+$"
_LINE = r"^\s*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*\s*$"
_LINE_OR_SPACES = r"^(\s+|\s*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*\s*)$"
_PARAGRAPHS = r"^\s*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_EMAIL = (
    r"^[A-Za-z0-9_%+'-]+(\.[A-Za-z0-9_%+'-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}$"
)

_MAX_LOCAL_PART = 64  # RFC 5321


class OpaqueField(TextField):
    """A password or token: any text at all, taken as it is."""

    def __init__(self, *, pattern: str = _ANYTHING, message: str = "", **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)
        self.validators.append(RegexValidator(pattern, message or "NUL is not allowed here."))


class _Trimmed(TextField):
    """Spaces around it are dropped, but what was sent must fit the schema as it is."""

    def __init__(self, *, pattern: str, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pattern = re.compile(pattern)
        self.error_messages["pattern"] = message
        self.validators.append(RegexValidator(pattern, message))

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if self.max_length and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        if text and not self.pattern.search(data):
            self.fail("pattern")
        return text


class LineField(_Trimmed):
    """One line with something to see in it, unless it may be blank."""

    def __init__(self, *, allow_blank: bool = False, **kwargs: Any) -> None:
        pattern = _LINE_OR_SPACES if allow_blank else _LINE
        message = "Write one line of plain text."
        super().__init__(pattern=pattern, message=message, allow_blank=allow_blank, **kwargs)


class ParagraphsField(_Trimmed):
    """Text of several lines with something to see in it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(pattern=_PARAGRAPHS, message="Write plain text.", **kwargs)


class AddressField(EmailField):
    """An e-mail address in the form that people have."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)
        # Ours is the stricter one; one mistake is told once.
        self.validators = [v for v in self.validators if not isinstance(v, EmailValidator)]
        self.validators.append(RegexValidator(_EMAIL, "Enter a valid e-mail address."))

    def to_internal_value(self, data: Any) -> Any:
        address = super().to_internal_value(data)
        if len(address.partition("@")[0]) > _MAX_LOCAL_PART:
            self.fail("invalid")
        return address
