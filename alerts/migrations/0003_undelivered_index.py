from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('alerts', '0002_deliveries'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='alert',
            index=models.Index(condition=models.Q(('delivered_at', None)), fields=['raised_at'], name='alerts_undelivered'),
        ),
    ]
