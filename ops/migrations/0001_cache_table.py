"""The table of the shared cache (`ops.cache`), as `createcachetable` would make it."""

from django.db import migrations

CREATE = """
CREATE TABLE ops_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX ops_cache_expires ON ops_cache (expires);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [migrations.RunSQL(CREATE, "DROP TABLE ops_cache")]
