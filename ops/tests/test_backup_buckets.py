"""The same backups in an object store: a real server of S3's protocol, on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from notevault.kit import clock
from ops.backup import manifest, taking
from ops.backup.buckets import Bucket
from ops.backup.database import configured
from ops.backup.programs import ProgramFailed
from ops.backup.stores import StoreFailed
from ops.models import Backup
from ops.tests.backing_up import checksums, fill, run

pytestmark = pytest.mark.django_db(transaction=True)

URL = "s3://shop/nightly"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = Bucket.at(URL)
    made.files.mkdir("shop")
    yield made
    made.files.rm("shop", recursive=True)


def take(bucket, **how):
    return taking.take_backup(
        database=configured(), store=bucket, keep=None, now=clock.now(), **how
    )[0]


class TestABucket:
    def test_gives_back_what_it_got(self, shop, bucket, elsewhere):
        before = checksums(configured())
        code, _ = run("backup", "--to", URL)

        restored, _ = run("restore", "--from", URL, "--into", elsewhere.url())

        row = Backup.objects.get()
        assert (code, restored, checksums(elsewhere)) == (0, 0, before)
        assert row.location == f"{URL}/{row.name}"
        assert sorted(bucket.names()) == [row.name, manifest.beside(row.name)]

    def test_keeps_as_many_as_it_should(self, bucket):
        old = f"{configured().name}-20250101T030000Z.dump"
        for name in (old, manifest.beside(old)):
            bucket.files.pipe_file(f"shop/nightly/{name}", b"old")

        code, said = run("backup", "--to", URL, "--keep", "1")

        new = Backup.objects.get().name
        assert (code, sorted(bucket.names())) == (0, [new, manifest.beside(new)])
        assert f"Removed {old}." in said

    def test_has_nothing_of_a_dump_that_was_killed(self, bucket):
        import psutil

        fill(3)

        def kill(_count):
            for child in psutil.Process().children():
                if child.name() == "pg_dump":
                    child.kill()

        with pytest.raises(ProgramFailed, match="SIGKILL"):
            take(bucket, on_bytes=kill)

        assert bucket.names() == {}
        assert not Backup.objects.exists()

    def test_refuses_an_object_of_another_size(self, bucket, monkeypatch):
        real = bucket.files.info

        def info(path, **how):
            return {**real(path, **how), "size": 5}

        monkeypatch.setattr(bucket.files, "info", info)

        with pytest.raises(StoreFailed, match="holds 5 of the"):
            take(bucket, on_bytes=lambda count: None)

        assert bucket.names() == {}

    def test_finds_a_flipped_bit(self, shop, bucket, elsewhere):
        made = take(bucket, on_bytes=lambda count: None)
        data = bytearray(bucket.files.cat_file(f"shop/nightly/{made.name}"))
        data[5000] ^= 1
        bucket.files.pipe_file(f"shop/nightly/{made.name}", bytes(data))

        code, said = run("restore", "--from", URL, "--into", elsewhere.url())

        assert code == 1
        assert "is not as it was written" in said


class TestABucketThatCannotBeUsed:
    def test_does_not_exist(self, bucket):
        code, said = run("backup", "--to", "s3://nowhere/nightly")

        assert code == 1
        assert "s3://nowhere/nightly cannot be used: The specified bucket does not exist." in said

    def test_is_out_of_reach(self, bucket, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        code, said = run("backup", "--to", URL)

        assert code == 1
        assert "cannot be used: Could not connect" in said

    def test_is_google_s_and_nobody_signed_in(self, tmp_path, monkeypatch):
        missing = str(tmp_path / "missing.json")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", missing)

        code, said = run("backup", "--to", "gs://shop/nightly")

        assert code == 1
        assert "gs://shop/nightly cannot be used" in said
        assert missing in said
