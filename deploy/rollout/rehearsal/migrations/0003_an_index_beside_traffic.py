from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from deploy.rollout.rehearsal import Elsewhere


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("rehearsal", "0002_a_column_with_a_default")]

    operations = [
        Elsewhere("payments", AddIndexConcurrently("order", models.Index(fields=["rehearsed_at"], name="orders_rehearsed"))),
        Elsewhere("notes", AddIndexConcurrently("note", models.Index(fields=["is_rehearsed"], name="notes_rehearsed"))),
    ]
