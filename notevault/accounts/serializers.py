"""What the account endpoints take and give."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

PASSWORD_MAX = 128
# What everyone can type into a mail program; the schema states the same pattern.
EMAIL_PATTERN = (
    r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}$"
)


class EmailField(serializers.EmailField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)


class NameField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=80, **kwargs)
        self.validators.append(
            RegexValidator(r"^[^\x00-\x1f<>]*$", "Names hold no control characters or < >.")
        )


class RegisterRequest(serializers.Serializer[Any]):
    email = EmailField()
    password = serializers.CharField(
        min_length=8, max_length=PASSWORD_MAX, trim_whitespace=False, write_only=True
    )
    name = NameField()


class LoginRequest(serializers.Serializer[Any]):
    email = EmailField()
    password = serializers.CharField(
        max_length=PASSWORD_MAX, trim_whitespace=False, write_only=True
    )


class RefreshRequest(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=2000)


class PasswordChangeRequest(serializers.Serializer[Any]):
    current_password = serializers.CharField(
        max_length=PASSWORD_MAX, trim_whitespace=False, write_only=True
    )
    new_password = serializers.CharField(
        min_length=8, max_length=PASSWORD_MAX, trim_whitespace=False, write_only=True
    )


class ProfileRequest(serializers.Serializer[Any]):
    name = NameField()


class UserResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    is_seller = serializers.BooleanField()
    date_joined = serializers.DateTimeField()


class TokenResponse(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Bearer token for the Authorization header.")
    refresh = serializers.CharField(help_text="Good for one exchange at auth/refresh.")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.")


class SignedInResponse(TokenResponse):
    user = UserResponse()
