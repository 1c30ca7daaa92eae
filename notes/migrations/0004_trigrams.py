from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):
    """The extension is trusted: any role that may create in the database may create it."""

    dependencies = [
        ('notes', '0003_suspended_accesses'),
    ]

    operations = [
        TrigramExtension(),
    ]
