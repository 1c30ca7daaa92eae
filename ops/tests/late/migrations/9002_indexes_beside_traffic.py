from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("ops", "9001_a_column")]

    operations = [
        AddIndexConcurrently("deadletter", models.Index(fields=["late"], name="late_letters")),
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS late_jobs ON procrastinate_jobs (lock)",
            reverse_sql="DROP INDEX CONCURRENTLY IF EXISTS late_jobs",
        ),
    ]
