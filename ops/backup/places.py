"""Which store a URL names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from ops.backup.refusal import BadRequest
from ops.backup.stores import Folder, Store


def open_store(url: str) -> Store:
    """Raises BadRequest for what is no folder, `file`, `s3` or `gs` URL; touches nothing."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme in {"s3", "gs"}:
        from ops.backup.buckets import Bucket  # their libraries take a second to import

        return Bucket.at(url)
    if scheme not in {"", "file"}:
        raise BadRequest(
            f"{scheme}:// is not a place for backups. Give a folder, or a URL such as "
            "file:///backups, s3://bucket/folder or gs://bucket/folder."
        )
    parts = urlsplit(url)
    if scheme and parts.netloc not in {"", "localhost"}:
        raise BadRequest(f"{url} names a host. A folder of this machine is file:///its/path.")
    path = Path(unquote(parts.path) if scheme else url)
    if not url.strip() or not path.parts:
        raise BadRequest("Say where: --to or --from, or BACKUP_URL.")
    return Folder(path.absolute())
