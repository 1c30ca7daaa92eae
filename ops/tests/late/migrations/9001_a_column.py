from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ops", "0005_failed_jobs_index")]

    operations = [migrations.AddField("deadletter", "late", models.TextField(null=True))]
