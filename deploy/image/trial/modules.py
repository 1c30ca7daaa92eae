"""Which modules the service loads, and whether each is still there. Runs here and in the image.

`modules.py list` sets the service up with all of its libraries, loads each module of ours, touches
both object stores, and prints what was loaded. `modules.py load FILE` loads each module of such a
list, and exits with 1 if one is missing.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path

APPS = ("notevault", "ops", "alerts", "notes", "payments")
# Not in the image, or not to be loaded in production.
LEFT_OUT = (
    *("tests", "demo", "chaos", "bench", "sandbox", "local", "test", "conftest"),
    *("razorpay_sandbox", "devdb", "fuzz", "pdf_child", "migration_linter"),
)
# Cut from the image on purpose (prune.py), and done without where they are missing.
CUT = {"PIL._avif"}


def set_up() -> None:
    import django

    django.setup()


def load_ours() -> None:
    for app in APPS:
        for found in pkgutil.walk_packages(importlib.import_module(app).__path__, f"{app}."):
            if not is_left_out(found.name):
                importlib.import_module(found.name)


def is_left_out(name: str) -> bool:
    app, *rest = name.split(".")
    return app in APPS and bool(set(rest) & set(LEFT_OUT))


def touch_stores() -> None:
    """Each library is loaded by its first use; neither place exists."""
    from ops.backup.buckets import Bucket
    from ops.backup.stores import StoreFailed

    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    os.environ["AWS_MAX_ATTEMPTS"] = "1"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        os.environ[name] = "made-up"
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/nowhere.json"
    for url in ("s3://shop/nightly", "gs://shop/nightly"):
        with suppress(StoreFailed):
            Bucket.at(url).names()


def touch_pictures() -> None:
    from PIL import Image

    Image.init()


def of_production() -> set[str]:
    """Top-level packages that requirements/production.txt installs."""
    lines = Path("requirements/production.txt").read_text().splitlines()
    locked = {line.partition("==")[0] for line in lines if "==" in line and line[0].isalpha()}
    return {
        package
        for package, owners in metadata.packages_distributions().items()
        if any(owner.lower().replace("_", "-").replace(".", "-") in locked for owner in owners)
    }


def listed() -> list[str]:
    set_up()
    load_ours()
    touch_stores()
    touch_pictures()
    known = of_production() | set(APPS)
    return sorted(
        name
        for name, module in sys.modules.items()
        if name.partition(".")[0] in known
        and getattr(module, "__spec__", None)
        and name not in CUT
        and not is_left_out(name)
    )


def missing(names: list[str]) -> list[str]:
    set_up()
    touch_stores()
    return [name for name in names if name not in sys.modules and not _loads(name)]


def _loads(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name}: {error!r}")
        return False
    return True


def main(arguments: list[str]) -> int:
    match arguments:
        case ["list"]:
            print("\n".join(listed()))
            return 0
        case ["load", path]:
            names = Path(path).read_text().split()
            gone = missing(names)
            print(f"{len(names) - len(gone)} of {len(names)} modules load")
            return 1 if gone else 0
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
