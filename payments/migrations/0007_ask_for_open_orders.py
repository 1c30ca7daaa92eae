from django.db import migrations

# Orders from before there was a time to ask for them.
ASK = """
UPDATE payments_order SET ask_at = now()
WHERE gateway_order_id IS NOT NULL AND ask_at IS NULL
  AND expires_at > now() - interval '7 days'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0006_reconciliation_indexes'),
    ]

    operations = [
        migrations.RunSQL(ASK, migrations.RunSQL.noop),
    ]
