"""What the account endpoints take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from notevault.kit.fields import AddressField, LineField, OpaqueField

PASSWORD_MAX = 128


class NewPasswordField(OpaqueField):
    """At least 8 characters, not all of them digits; common passwords are refused too."""

    def __init__(self) -> None:
        super().__init__(
            pattern=r"^[0-9]*[^0-9\x00][^\x00]*$",
            message="A password is not all digits.",
            min_length=8,
            max_length=PASSWORD_MAX,
            write_only=True,
        )


class PasswordField(OpaqueField):
    def __init__(self) -> None:
        super().__init__(max_length=PASSWORD_MAX, write_only=True)


class RegisterRequest(serializers.Serializer[Any]):
    email = AddressField()
    password = NewPasswordField()
    name = LineField(max_length=80)


class LoginRequest(serializers.Serializer[Any]):
    email = AddressField()
    password = PasswordField()


class RefreshRequest(serializers.Serializer[Any]):
    refresh = OpaqueField(max_length=2000)


class PasswordChangeRequest(serializers.Serializer[Any]):
    current_password = PasswordField()
    new_password = NewPasswordField()


class ProfileRequest(serializers.Serializer[Any]):
    name = LineField(max_length=80)


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
