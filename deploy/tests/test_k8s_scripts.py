"""What the scripts of deploy/k8s refuse, and what they would put into a Secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import create_secrets
import embed_rules
import kubectl
import migration
import pin
import pytest
import release
import secret_values
import smoke
import yaml

from notevault.settings import database

ROOT = Path(__file__).resolve().parents[2]
DIGEST = f"sha256:{'a' * 64}"
URL = "postgresql://note:p%40ss@db.internal:5433/shop?sslmode=require&connection_limit=4"


@pytest.fixture
def env_file(tmp_path):
    """A complete .env with made-up values, as `make deploy-check` has them."""
    path = tmp_path / ".env"
    given = (ROOT / "deploy/check.env").read_text()
    path.write_text(given.replace("127.0.0.1:1/notevault", "db.internal:5432/notevault"))
    with path.open("a") as file:
        file.write(f"\nMETRICS_TOKEN={'0123456789abcdef' * 2}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def no_cluster(monkeypatch, tmp_path):
    """Whoever asks the cluster here is at fault: no program may be reached."""
    monkeypatch.setenv("KUBECTL", str(tmp_path / "not-there"))


def put(path, line):
    name = line.partition("=")[0]
    kept = [each for each in path.read_text().splitlines() if not each.startswith(f"{name}=")]
    path.write_text("\n".join([*kept, line, ""]))


def create(path, *options):
    return create_secrets.main(["production", "--env-file", str(path), *options])


class TestAnImage:
    @pytest.mark.parametrize(
        "text",
        [
            "registry.example.com/notevault/notevault-api:v1.0.0",
            "latest",
            "sha256:abc",
            f"sha256:{'A' * 64}",
            pin.ZERO,
            f"registry.example.com/notevault-api:v1@{DIGEST}",
            f"Not A Name@{DIGEST}",
        ],
    )
    def test_is_refused_unless_it_is_named_by_a_digest_alone(self, text):
        with pytest.raises(pin.Refused):
            pin.image(text, name="registry.example.com/notevault/notevault-api")

    def test_may_lie_in_another_registry(self):
        assert pin.image(f"ghcr.io:443/shop/api@{DIGEST}", name="x").name == "ghcr.io:443/shop/api"

    def test_of_the_service_has_a_version(self):
        with pytest.raises(pin.Refused, match="--version"):
            pin.changed(pin.read("production"), api=DIGEST, pgbouncer=None, version=None)

    def test_is_written_and_read_again(self, tmp_path):
        path = pin.path_of("production", root=tmp_path)
        path.parent.mkdir(parents=True)
        pins = pin.changed(pin.read("production"), api=DIGEST, pgbouncer=DIGEST, version="v1.2.0")

        pin.write("production", pins, root=tmp_path)

        assert pin.read("production", root=tmp_path) == pins
        written = yaml.safe_load(path.read_text())
        assert [image["digest"] for image in written["images"]] == [DIGEST, DIGEST]

    @pytest.mark.parametrize("overlay", pin.OVERLAYS)
    def test_is_as_the_script_writes_it(self, overlay, tmp_path):
        path = pin.path_of(overlay, root=tmp_path)
        path.parent.mkdir(parents=True)

        pin.write(overlay, pin.read(overlay), root=tmp_path)

        assert path.read_text() == pin.path_of(overlay).read_text()


class TestARelease:
    def test_of_an_unpinned_image_is_refused_before_the_cluster_is_asked(self, no_cluster, capsys):
        before = pin.path_of("production").read_text()

        assert release.main(["production", "--image", pin.ZERO, "--version", "v1"]) == 2
        assert release.main(["production", "--image", DIGEST, "--version", "v1"]) == 2

        assert "is not pinned" in capsys.readouterr().err
        assert pin.path_of("production").read_text() == before

    def test_that_is_dry_changes_no_file(self, no_cluster, capsys):
        before = pin.path_of("production").read_text()
        pins = ("--image", DIGEST, "--pgbouncer", DIGEST, "--version", "v1")

        assert release.main(["production", *pins, "--dry-run"]) == 1

        assert "not-there" in capsys.readouterr().err
        assert pin.path_of("production").read_text() == before

    def test_applies_each_object_in_exactly_one_step(self):
        assert release.GROUND.endswith("in (namespace,ground)")
        assert migration.SELECTOR.endswith("=migrate")
        assert release.REST.endswith("notin (namespace,ground,migrate)")

    def test_is_looked_at_by_the_name_that_buyers_use(self):
        assert smoke.host_of("production") == "api.notevault.com"
        assert smoke.host_of("staging") == "api.staging.notevault.com"


# Each loads the production settings in a process of its own.
@pytest.mark.k8s
class TestSecretsAreRefused:
    @pytest.mark.parametrize(
        ("line", "named"),
        [
            ("JWT_SECRET=", "JWT_SECRET"),
            ("JWT_SECRET=change-me-change-me-change-me-change-me", "JWT_SECRET"),
            ("RAZORPAY_KEY_ID=rzp_test_sandbox", "RAZORPAY_KEY_ID"),
            ("GSTIN=29AACCN4821K1Z8", "GSTIN"),
            ("METRICS_TOKEN=", "METRICS_TOKEN"),
            ("METRICS_TOKEN=short", "METRICS_TOKEN"),
            ("DATABASE_URL=postgresql://u:p@pool/shop?pgbouncer=true", "DATABASE_URL"),
            ("DATABASE_URL=postgresql://u:p@db/shop?schema=other", "DATABASE_URL"),
            ("DATABASE_URL=postgresql://db/shop", "DATABASE_URL"),
            ("ALERT_EMAILS=no-address", "ALERT_EMAILS"),
        ],
    )
    def test_by_name_and_without_their_value(self, env_file, no_cluster, capsys, line, named):
        put(env_file, line)

        assert create(env_file) == 2

        said = capsys.readouterr().err
        value = line.partition("=")[2]
        assert named in said
        assert not value or "@" not in value or value not in said

    def test_that_would_be_dropped_though_they_are_given(self, env_file, no_cluster, capsys):
        assert create(env_file, "--drop", "jwt-secret") == 2
        assert create(env_file, "--drop", "invoice-secret-previous") == 2
        assert "for years" in capsys.readouterr().err

    def test_with_no_file(self, tmp_path, no_cluster, capsys):
        assert create(tmp_path / "none") == 2
        assert "There is no file" in capsys.readouterr().err

    def test_but_a_whole_file_goes_to_the_cluster(self, env_file, no_cluster, capsys):
        assert create(env_file, "--dry-run") == 1
        assert "not-there" in capsys.readouterr().err


class TestTheWayToTheDatabase:
    def test_of_the_web_is_pgbouncer_with_the_same_login(self):
        web = database.from_url(secret_values.by_pgbouncer(URL), pool_size=16)

        assert (web["HOST"], web["PORT"]) == ("notevault-pgbouncer", 6432)
        assert (web["USER"], web["PASSWORD"], web["NAME"]) == ("note", "p@ss", "shop")
        assert web["DISABLE_SERVER_SIDE_CURSORS"] is True
        assert web["OPTIONS"]["pool"]["max_size"] == 4
        assert "sslmode" not in web["OPTIONS"], "PgBouncer speaks TLS to the server, not to the web"

    def test_of_pgbouncer_is_the_server(self):
        keys = secret_values.pgbouncer_keys(URL, scram="")

        assert keys["databases.ini"] == (
            "server_tls_sslmode = require\n\n"
            "[databases]\nshop = host='db.internal' port=5433 dbname='shop'\n"
        )
        assert keys["users.txt"] == '"note" "p@ss"\n'

    def test_may_keep_the_password_from_pgbouncer(self):
        keys = secret_values.pgbouncer_keys(URL, scram="SCRAM-SHA-256$4096:c2FsdA==$a:b")

        assert keys["users.txt"] == '"note" "SCRAM-SHA-256$4096:c2FsdA==$a:b"\n'

    def test_takes_quotes_in_names(self):
        url = "postgresql://no%22te:p%22%27@db/shop"

        assert secret_values.pgbouncer_keys(url, scram="")["users.txt"] == '"no""te" "p""\'"\n'


class TestRotation:
    OLD = {"jwt-secret": "old", "invoice-secret": "first", "razorpay-webhook-secret": "same"}
    NEW = {"jwt-secret": "new", "invoice-secret": "second", "razorpay-webhook-secret": "same"}

    def test_keeps_what_the_cluster_had_as_the_previous_one(self):
        keys, moved = secret_values.with_previous(self.NEW, current=self.OLD)

        assert moved == ["jwt-secret", "invoice-secret"]
        assert keys["jwt-secret-previous"] == "old"
        assert keys["invoice-secret-previous"] == "first"
        assert "razorpay-webhook-secret-previous" not in keys

    def test_keeps_all_that_ever_signed_an_invoice(self):
        current = {**self.NEW, "invoice-secret-previous": "first"}

        keys, _ = secret_values.with_previous(
            {**self.NEW, "invoice-secret": "third"}, current=current
        )

        assert keys["invoice-secret-previous"] == "second,first"

    def test_said_again_changes_nothing(self):
        once, _ = secret_values.with_previous(self.NEW, current=self.OLD)

        again, moved = secret_values.with_previous(self.NEW, current=once)

        assert (again, moved) == (once, [])

    def test_refuses_to_lose_the_one_in_use(self):
        given = {**self.NEW, "jwt-secret-previous": "another"}

        with pytest.raises(secret_values.Refused, match="would be lost") as refusal:
            secret_values.with_previous(given, current=self.OLD)

        assert "another" not in str(refusal.value)

    def test_leaves_what_nobody_gave(self):
        keys, _ = secret_values.with_previous(self.NEW, current={**self.OLD, "email-url": "kept"})

        assert keys["email-url"] == "kept"

    def test_tells_names_only(self):
        told = create_secrets.differences({"a": "secret-1", "b": "x"}, {"a": "secret-2", "c": "x"})

        assert told == "new: b; changed: a; dropped: c"

    @pytest.mark.parametrize(
        ("changed", "readers"),
        [
            ("notevault-secrets", ["notevault-api", "notevault-worker"]),
            ("notevault-pgbouncer", ["notevault-pgbouncer"]),
            ("notevault-backup", []),
        ],
    )
    def test_restarts_who_reads_what_was_changed(self, changed, readers):
        command = create_secrets.restart_of([changed], namespace="shop")

        assert re.findall(r"deployment/(\S+)", command) == readers

    def test_that_fails_half_way_tells_who_reads_what_was_changed(
        self, env_file, monkeypatch, tmp_path, capsys
    ):
        program = tmp_path / "kubectl"
        program.write_text(
            "#!/bin/sh\n"
            'case "$*" in *"get namespace"*) echo "{}" ;; *" get "*) ;;\n'
            '*) grep -q notevault-pgbouncer\\", || exit 0; echo gone >&2; exit 1 ;; esac\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("KUBECTL", str(program))

        assert create(env_file) == 1

        said = capsys.readouterr()
        assert "rollout restart deployment/notevault-api deployment/notevault-worker\n" in said.out
        assert "gone" in said.err

    def test_is_refused_by_the_server_if_somebody_was_faster(self):
        found = {"metadata": {"resourceVersion": "41"}}

        made = json.loads(create_secrets.manifest("notevault-secrets", {"a": "b"}, found))

        assert made["metadata"]["resourceVersion"] == "41"
        assert made["stringData"] == {"a": "b"}


@pytest.mark.k8s
class TestTheirNames:
    def test_a_namespace_is_the_overlays(self):
        assert kubectl.namespace_of("production") == "notevault"
        assert kubectl.namespace_of("staging") == "notevault-staging"

    @pytest.mark.parametrize(
        "name", ["pin", "release", "create_secrets", "smoke", "embed_rules", "check"]
    )
    def test_each_script_helps(self, name):
        said = subprocess.run(
            [sys.executable, f"deploy/k8s/{name}.py", "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )

        assert said.stdout.startswith("usage:")


class TestTheRules:
    def test_in_the_cluster_are_those_that_are_tested(self):
        assert embed_rules.main(["--check"]) == 0

    def test_that_differ_are_told(self, monkeypatch, tmp_path, capsys):
        monkeypatch.setattr(embed_rules, "RULES", tmp_path / "rules.yml")
        (tmp_path / "rules.yml").write_text("groups: []\n")

        assert embed_rules.main(["--check"]) == 1
        assert "embed_rules.py" in capsys.readouterr().err
