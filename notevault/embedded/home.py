"""The folder that holds a server: made, private, and owned by the user the server runs as."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from notevault.embedded.programs import EmbeddedPostgresError, is_root, run


def is_made(folder: Path) -> bool:
    """The password is written last. Root may own neither, since the server cannot be root's."""
    return (folder / "password").exists() and not (is_root() and folder.stat().st_uid == 0)


def make(folder: Path) -> None:
    """Make `folder` and its password; callers hold the lock.

    For root it is given to an unprivileged user. If that user cannot reach it, the folder is
    made in /var/tmp and `folder` becomes a symlink: nobody's parent folders are opened up.
    """
    if is_root():
        _make_for_unprivileged(folder, _unprivileged_user())
    else:
        folder.mkdir(mode=0o700, exist_ok=True)
    _make_password(folder)


def make_private(folder: Path, uid: int, gid: int) -> None:
    """Make `folder` for one user alone; one that another user could have laid out is refused."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    is_ours = found.st_uid in (uid, os.geteuid()) and not found.st_mode & 0o022
    if not stat.S_ISDIR(found.st_mode) or not is_ours:
        raise EmbeddedPostgresError(
            f"{folder} must be a folder that user {uid} alone can write. "
            "Find out who made it, then delete it."
        )
    if is_root():
        os.chown(folder, uid, gid, follow_symlinks=False)
    folder.chmod(0o700)


def give(path: Path, home: Path) -> None:
    """Make the owner of `home` the owner of `path`; only root has a reason to, or may."""
    if is_root():
        owner = home.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:8]


def _make_for_unprivileged(folder: Path, user: pwd.struct_passwd) -> None:
    if not folder.is_symlink():
        make_private(folder, user.pw_uid, user.pw_gid)
        if run(["/bin/sh", "-c", 'test -w "$1"', "sh", folder], home=folder).returncode == 0:
            return
        folder.rmdir()
        outside = Path(f"/var/tmp/notevault-{digest(folder)}")  # noqa: S108 - make_private
        make_private(outside, user.pw_uid, user.pw_gid)
        # Whoever deleted an earlier `folder` deleted its data.
        _discard(outside)
        folder.symlink_to(outside)
    make_private(folder.resolve(), user.pw_uid, user.pw_gid)


def _discard(home: Path) -> None:
    """A server that still runs there stops by itself: its pid file is gone."""
    rubbish = Path(tempfile.mkdtemp(prefix=f"{home.name}-", dir=home.parent))
    home.rename(rubbish / home.name)
    shutil.rmtree(rubbish, ignore_errors=True)


def _make_password(home: Path) -> None:
    final = home / "password"
    if not final.exists():
        if (home / "data").exists():
            raise EmbeddedPostgresError(
                f"{final} is missing, and the data beside it needs it. Bring it back, or start "
                f"over by deleting {home.resolve()}."
            )
        handle, part = tempfile.mkstemp(prefix="password-part-", dir=home)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
        os.replace(part, final)
    give(final, home)


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and this system has no user `postgres` or `nobody` "
        "to run it as. Make one, or do not run as root."
    )
