"""Write the images of a release into an overlay: by digest, never by tag.

    python deploy/k8s/pin.py production --image sha256:… --version v1.0.0 [--pgbouncer sha256:…]

`docker buildx imagetools inspect NAME:TAG`, `crane digest NAME:TAG` and `skopeo inspect` tell
the digest of what was pushed. What is not given stays as it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
OVERLAYS = ("production", "staging", "local")
REGISTRY = "registry.example.com/notevault"
ZERO = f"sha256:{'0' * 64}"
UNPINNED = "unpinned"

TEMPLATE = """\
# Written by deploy/k8s/pin.py. An all-zero digest is no image: release.py refuses it.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
  - name: notevault-api
    newName: {api_name}
    digest: {api_digest}
  - name: notevault-pgbouncer
    newName: {pgbouncer_name}
    digest: {pgbouncer_digest}
configMapGenerator:
  - name: notevault-config
    behavior: merge
    literals:
      - NOTEVAULT_VERSION={version}
"""


class Refused(Exception):
    """The message says what is wrong."""


@dataclass(frozen=True)
class Image:
    name: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"


@dataclass(frozen=True)
class Pins:
    api: Image
    pgbouncer: Image
    version: str

    def demand_pinned(self) -> None:
        """Raises Refused for an image that is none."""
        for image in (self.api, self.pgbouncer):
            if image.digest == ZERO:
                raise Refused(f"{image.name} is not pinned: give its digest to deploy/k8s/pin.py.")


def image(text: str, *, name: str) -> Image:
    """`sha256:…`, or NAME@sha256:… for another registry. Refuses a tag, and what is no image."""
    given, _, digest = text.rpartition("@")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise Refused(
            f"{text} names no digest. A tag may mean another image tomorrow: give sha256: and its "
            "64 hexadecimal digits, with NAME@ before it if the registry is another."
        )
    if digest == ZERO:
        raise Refused("An all-zero digest is no image.")
    if given and not re.fullmatch(r"[a-z0-9][a-z0-9.:/_-]*", given):
        raise Refused(f"{given} is no name of an image.")
    if ":" in given.rpartition("/")[2]:
        raise Refused(f"{given} has a tag beside its digest; leave it out.")
    return Image(given or name, digest)


def path_of(overlay: str, *, root: Path = HERE) -> Path:
    return root / "overlays" / overlay / "images" / "kustomization.yaml"


def read(overlay: str, *, root: Path = HERE) -> Pins:
    text = path_of(overlay, root=root).read_text()
    names = re.findall(r"newName: (\S+)", text)
    digests = re.findall(r"digest: (\S+)", text)
    version = re.findall(r"NOTEVAULT_VERSION=(\S+)", text)
    if (len(names), len(digests), len(version)) != (2, 2, 1):
        raise Refused(f"{path_of(overlay, root=root)} is not as pin.py writes it.")
    return Pins(Image(names[0], digests[0]), Image(names[1], digests[1]), version[0])


def write(overlay: str, pins: Pins, *, root: Path = HERE) -> None:
    path_of(overlay, root=root).write_text(
        TEMPLATE.format(
            api_name=pins.api.name,
            api_digest=pins.api.digest,
            pgbouncer_name=pins.pgbouncer.name,
            pgbouncer_digest=pins.pgbouncer.digest,
            version=pins.version,
        )
    )


def changed(pins: Pins, *, api: str | None, pgbouncer: str | None, version: str | None) -> Pins:
    """Raises Refused. A new image of the service needs the version that health and metrics name."""
    if version is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", version):
        raise Refused(f"{version!r} is no version such as v1.0.0.")
    new_api = pins.api if api is None else image(api, name=pins.api.name)
    if api is not None and version is None:
        raise Refused("A new image has a version: give --version, such as v1.0.0.")
    return replace(
        pins,
        api=new_api,
        pgbouncer=pins.pgbouncer
        if pgbouncer is None
        else image(pgbouncer, name=pins.pgbouncer.name),
        version=version or pins.version,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overlay", choices=OVERLAYS)
    parser.add_argument(
        "--image", metavar="DIGEST", help="Of the service: sha256:… or NAME@sha256:…"
    )
    parser.add_argument("--pgbouncer", metavar="DIGEST", help="Of PgBouncer.")
    parser.add_argument("--version", help="What health and metrics call the build, such as v1.0.0.")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    given = parser.parse_args(arguments)
    try:
        pins = changed(
            read(given.overlay),
            api=given.image,
            pgbouncer=given.pgbouncer,
            version=given.version,
        )
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    if (given.image, given.pgbouncer, given.version) != (None, None, None):
        write(given.overlay, pins)
    print(f"{pins.api}\n{pins.pgbouncer}\n{pins.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
