#!/usr/bin/env python
"""NoteVault's command line: `python manage.py help` lists what it can do."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notevault.settings.local")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "Django is not installed here. Run `make install`, then `.venv/bin/python manage.py`."
        )
    execute_from_command_line(sys.argv)
