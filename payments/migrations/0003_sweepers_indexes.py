from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('payments', '0002_settlement_under_faults'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(condition=models.Q(('ask_at__isnull', False)), fields=['ask_at'], name='orders_to_ask_for'),
        ),
        AddIndexConcurrently(
            model_name='payment',
            index=models.Index(condition=models.Q(('state', 'authorized')), fields=['created_at'], name='payments_uncaptured'),
        ),
        AddIndexConcurrently(
            model_name='refund',
            index=models.Index(condition=models.Q(('state__in', ['requested', 'pending'])), fields=['created_at'], name='refunds_under_way'),
        ),
    ]
