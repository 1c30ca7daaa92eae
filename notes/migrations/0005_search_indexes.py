from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.contrib.postgres.search import SearchVector
from django.db import migrations, models
from django.db.models.functions import Concat


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('notes', '0004_trigrams'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='note',
            index=GinIndex(SearchVector('title', 'course', 'university', 'description', config='english'), condition=models.Q(('state', 'published')), name='note_words'),
        ),
        AddIndexConcurrently(
            model_name='note',
            index=GinIndex(OpClass(Concat('title', models.Value(' '), 'course', models.Value(' '), 'university'), name='gin_trgm_ops'), condition=models.Q(('state', 'published')), name='note_trigrams'),
        ),
    ]
