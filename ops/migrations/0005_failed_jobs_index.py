from django.db import migrations


class Migration(migrations.Migration):
    """Failed jobs are counted at each scrape; those that are done are many."""

    atomic = False

    dependencies = [
        ("ops", "0004_backups"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_failed ON procrastinate_jobs (queue_name) "
            "WHERE status = 'failed'",
            reverse_sql="DROP INDEX CONCURRENTLY IF EXISTS jobs_failed",
        )
    ]
