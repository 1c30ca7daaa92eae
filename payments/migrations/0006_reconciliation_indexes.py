from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('payments', '0005_reconciliation'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='payment',
            index=models.Index(fields=['created_at'], name='payments_by_time'),
        ),
        AddIndexConcurrently(
            model_name='payment',
            index=models.Index(condition=models.Q(('captured_at__isnull', False), ('settled_at', None)), fields=['captured_at'], name='payments_unsettled'),
        ),
        AddIndexConcurrently(
            model_name='refund',
            index=models.Index(fields=['created_at'], name='refunds_by_time'),
        ),
    ]
