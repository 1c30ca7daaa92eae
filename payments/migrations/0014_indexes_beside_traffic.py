from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('payments', '0013_disputes'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='refund',
            index=models.Index(condition=models.Q(('request__isnull', False)), fields=['request'], name='refunds_of_request'),
        ),
        AddIndexConcurrently(
            model_name='orderitem',
            index=models.Index(condition=models.Q(('release_at__isnull', False), ('released_at', None)), fields=['release_at'], name='items_in_escrow'),
        ),
        AddIndexConcurrently(
            model_name='ledgerentry',
            index=models.Index(fields=['account', 'at'], name='entries_of_account_by_time'),
        ),
        AddIndexConcurrently(
            model_name='orderitem',
            index=models.Index(condition=models.Q(('release_at__isnull', False), ('released_at', None)), fields=['seller', 'release_at'], name='items_in_escrow_of_seller'),
        ),
    ]
