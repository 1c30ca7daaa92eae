from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0003_undelivered_index'),
    ]

    operations = [
        migrations.AddField(
            model_name='alertdelivery',
            name='address',
            field=models.CharField(blank=True, db_default='', default='', help_text='A digest of where the channel led: its name depends on its place in a list.', max_length=16),
        ),
    ]
