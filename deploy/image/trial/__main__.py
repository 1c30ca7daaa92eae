"""Build the image here, on a Debian of its own making, and try it as a cluster runs it.

It needs root and buildah, crun and debootstrap; nothing is pulled from a registry of images.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.image.trial import contents, database, namespaces, pooler, roles
from deploy.image.trial.building import Workshop
from deploy.image.trial.report import Report, TrialFailed
from deploy.image.trial.runtime import Image
from notevault.embedded import EmbeddedPostgresError
from ops.tests.own_database import free_port

SERVICE, POOLER = "localhost/notevault-api:trial", "localhost/pgbouncer:trial"


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(os.environ.get("IMAGE_DIR") or ".data/image"),
        help="where the base and the built layers are kept for the next run (default: %(default)s)",
    )
    parser.add_argument("--no-build", action="store_true", help="try what was built last")
    return parser.parse_args(arguments)


def build(report: Report, workshop: Workshop) -> None:
    workshop.make_base()
    for tag, target in ((POOLER, "pgbouncer"), (SERVICE, "service")):
        report.tell(
            f"Building {target}; {workshop.folder}/build-{target}.log tells how far it is …"
        )
        workshop.build(tag, target)


@contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """An object store of this machine, and the environment that reaches it."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="made-up",
            aws_secret_access_key="made-up",  # noqa: S106 of nobody
            region_name="us-east-1",
        ).create_bucket(Bucket="shop")
        yield {**environment, "BACKUP_URL": "s3://shop/nightly"}
    finally:
        server.stop()


def list_modules(folder: Path) -> Path:
    """What the service loads where nothing was cut: with this virtual environment."""
    path = folder / "modules.txt"
    environment = {**os.environ, **roles.check_env(), "DJANGO_READ_DOT_ENV": "false"}
    done = subprocess.run(
        [sys.executable, "deploy/image/trial/modules.py", "list"],
        env={**environment, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise TrialFailed(done.stderr)
    path.write_text(done.stdout)
    return path


def try_image(report: Report, workshop: Workshop) -> None:
    folder = Path(tempfile.mkdtemp(prefix="notevault-image-"))
    try:
        with (
            workshop.mounted(SERVICE) as root,
            workshop.mounted(POOLER) as pooler_root,
            database.serving(port := free_port()) as url,
            bucket() as store,
        ):
            report.tell(f"PostgreSQL on port {port}; the image is {SERVICE}.")
            image = Image(root, workshop.config(SERVICE))
            stage = roles.Stage(image, report, folder, url, store)
            contents.look(report, workshop, SERVICE, root)
            roles.try_arguments(stage)
            roles.try_confinement(stage)
            roles.try_modules(stage, list_modules(folder))
            roles.try_migrate(stage)
            roles.try_web(stage)
            roles.try_worker(stage)
            roles.try_nightly(stage, "s3")
            pooler_image = Image(pooler_root, workshop.config(POOLER))
            pooler.try_pooler(report, pooler_image, folder, url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    given = options(arguments)
    report = Report()
    try:
        namespaces.demand_programs()
        namespaces.enter(arguments)
        workshop = Workshop(given.folder.resolve())
        with workshop.alone():
            if not given.no_build:
                build(report, workshop)
            try_image(report, workshop)
    except (TrialFailed, EmbeddedPostgresError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    print(report.last_line())
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
