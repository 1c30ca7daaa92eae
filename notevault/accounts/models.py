"""People, their sign-ins, and the guesses at their passwords."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth import hashers
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.crypto import constant_time_compare

from notevault.kit.ids import uuid7


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=normalise_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normalise_email(username or ""))


def normalise_email(email: str) -> str:
    """Addresses are compared without case, as people type them."""
    return email.strip().lower()


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Everyone may buy; `is_seller` may sell; staff powers come from groups."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=80)
    is_seller = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="user_email_lower_case", condition=Q(email=Lower("email")))
        ]

    def __str__(self) -> str:
        return self.email

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """Django's forms ask for this before they compare or save."""
        return normalise_email(username)

    @property
    def password_digest(self) -> str:
        """Changes with the password, however it was changed; tells nothing of it."""
        return hashlib.sha256(self.password.encode()).hexdigest()

    def check_password(self, raw_password: str | None) -> bool:
        """True when it is the right one, whose hash is then renewed if it is of an older kind.
        Sessions begun under the old hash go on, for the password is the same."""
        if raw_password is None or not hashers.check_password(raw_password, self.password):
            return False
        kind = hashers.identify_hasher(self.password).algorithm
        return kind == hashers.get_hasher().algorithm or self._hash_anew(raw_password)

    def _hash_anew(self, raw_password: str) -> bool:
        was, digest_was = self.password, self.password_digest
        fresh = hashers.make_password(raw_password)
        with transaction.atomic():
            if User.objects.filter(pk=self.pk, password=was).update(password=fresh):
                self.password = fresh
                begun = self.sessions.filter(password_digest=digest_was)
                begun.update(password_digest=self.password_digest)
                return True
        # Somebody else was quicker: with the same password, or with another one.
        self.refresh_from_db(fields=["password"])
        return hashers.check_password(raw_password, self.password)

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class Session(models.Model):
    """One sign-in: the family of refresh tokens that follow from it.

    Only digests of token ids are kept, so the table signs nobody in.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    current_digest = models.CharField(max_length=64, help_text="SHA-256 of the live token's jti.")
    spent_digest = models.CharField(max_length=64, blank=True, help_text="The one before it.")
    password_digest = models.CharField(
        max_length=64, help_text="The password it was begun under: another one ends it."
    )
    rotated_at = models.DateTimeField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_why = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return f"session {self.pk}"

    def is_live(self, now: datetime) -> bool:
        """Reads `user`: select it with the session."""
        return (
            self.revoked_at is None
            and self.expires_at > now
            and self.user.is_active
            and constant_time_compare(self.password_digest, self.user.password_digest)
        )


class SignInGuard(models.Model):
    """Failed sign-ins of one e-mail address, known or not, in one row for all processes."""

    email_digest = models.CharField(max_length=64, primary_key=True)
    attempts = models.PositiveIntegerField()
    last_counted_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.attempts} attempts"
