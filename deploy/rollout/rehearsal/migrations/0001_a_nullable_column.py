from django.db import migrations, models

from deploy.rollout.rehearsal import Elsewhere, newest_of


class Migration(migrations.Migration):
    dependencies = [newest_of("payments"), newest_of("notes")]

    operations = [
        Elsewhere("payments", migrations.AddField("order", "rehearsed_at", models.DateTimeField(null=True))),
    ]
