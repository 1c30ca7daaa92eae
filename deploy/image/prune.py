"""Cut from a virtual environment what the service never reads. Runs once, in the Dockerfile.

Usage: prune.py FOLDER. A rule that finds nothing ends with 1: a package has changed, and so must
the rule. What is left is proved by `make image`: it imports, it serves, it backs up.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A backup needs the store, and whoever signs in to it.
AMAZON_SERVICES = {"s3", "signin", "sso", "sso-oidc", "sts"}
ELF = b"\x7fELF"


@dataclass(frozen=True)
class Rule:
    """Paths below site-packages that go, and why nothing misses them."""

    pattern: str
    why: str
    but: tuple[str, ...] = ()

    def matches(self, packages: Path) -> list[Path]:
        return [path for path in packages.glob(self.pattern) if path.name not in self.but]


RULES = (
    Rule("botocore/data/*/", "APIs of Amazon's that are not called", but=tuple(AMAZON_SERVICES)),
    Rule("botocore/data/s3/*/examples-1.json", "for the documentation"),
    Rule("*/locale/*/", "the service speaks English (USE_I18N is off)", but=("en",)),
    Rule("*/conf/locale/*/", "the same: languages of Django itself", but=("en",)),
    Rule("*/contrib/*/locale/*/", "the same: languages of Django's apps", but=("en",)),
    Rule("*/static/", "served from what collectstatic has gathered"),
    Rule("*/contrib/*/static/", "the same, of Django's apps"),
    Rule("django/contrib/gis/", "maps, which need libraries that are not there"),
    Rule("PIL/_avif.*.so", "pictures that nobody may upload"),
    Rule("pillow.libs/libavif-*.so*", "the same: its library"),
    Rule("PIL/_imagingtk.*.so", "windows"),
    Rule("lxml/includes/", "headers, for whoever compiles against it"),
    Rule("lxml/isoschematron/", "Schematron, which is not used"),
    Rule("lxml/html/", "HTML, which is not parsed"),
    Rule("lxml/objectify.*.so", "another way to read XML"),
    Rule("**/tests/", "tests of packages"),
    Rule("**/*.pyi", "types, for a checker"),
    Rule("**/*.[ch]", "sources of what is compiled"),
    Rule("**/*.p[xy][dx]", "the same, of Cython"),
    Rule("*.dist-info/RECORD", "what an installer reads"),
    Rule("*.dist-info/INSTALLER", "the same"),
)


def prune(packages: Path) -> list[str]:
    """Carry out each rule, and say what it freed. Raises LookupError for one that is stale."""
    said = []
    for rule in RULES:
        found = rule.matches(packages)
        if not found:
            raise LookupError(f"{rule.pattern} ({rule.why}) matches nothing: remove the rule.")
        freed = sum(size_of(path) for path in found)
        for path in found:
            remove(path)
        said.append(f"{freed / 1e6:6.1f} MB  {rule.pattern}: {rule.why}")
    return said


def size_of(path: Path) -> int:
    if path.is_dir():
        return sum(size_of(each) for each in path.iterdir())
    return path.lstat().st_size


def remove(path: Path) -> None:
    """It may be gone with a folder above it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def libraries(packages: Path) -> Iterator[Path]:
    for path in packages.rglob("*.so*"):
        if path.is_file() and path.open("rb").read(4) == ELF:
            yield path


def strip(packages: Path) -> None:
    """Names of functions, for a debugger that is not there."""
    subprocess.run(["strip", "--strip-unneeded", *libraries(packages)], check=True)  # noqa: S607


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    [packages] = Path(arguments[0]).glob("lib/python3*/site-packages")
    before = size_of(packages)
    try:
        said = prune(packages)
    except LookupError as stale:
        print(stale, file=sys.stderr)
        return 1
    strip(packages)
    print("\n".join(said))
    print(f"{before / 1e6:.1f} MB became {size_of(packages) / 1e6:.1f} MB.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
