"""Tables of the cellar."""

from django.db import models


class CacheEntry(models.Model):
    """A row of the shared cache; written by `ops.cache` only, in Django's own format."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "ops_cache"
        verbose_name_plural = "cache entries"

    def __str__(self) -> str:
        return self.cache_key
