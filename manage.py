#!/usr/bin/env python
"""NoteVault's command line: `python manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ["NOTEVAULT_PROCESS"] = sys.argv[1] if len(sys.argv) > 1 else ""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notevault.settings.local")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line

        from notevault.embedded import EmbeddedPostgresError
    except ImportError as error:
        sys.exit(f"{error}. Run `make install`, then `.venv/bin/python manage.py`.")
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EmbeddedPostgresError) as error:
        if sys.argv[1:2] == ["doctor"]:
            from ops.doctor.paper import refusal

            sys.exit(refusal(str(error), as_json="--json" in sys.argv))
        sys.exit(str(error))


if __name__ == "__main__":
    main()
