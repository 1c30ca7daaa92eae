"""The migrations of ops, and two that no database has yet."""

from ops import migrations

__path__ = [*__path__, *migrations.__path__]
