from django.db import migrations, models

from deploy.rollout.rehearsal import Elsewhere


class Migration(migrations.Migration):
    """The default is the database's: the previous release does not know the column."""

    dependencies = [("rehearsal", "0001_a_nullable_column")]

    operations = [
        Elsewhere("notes", migrations.AddField("note", "is_rehearsed", models.BooleanField(db_default=False))),
    ]
