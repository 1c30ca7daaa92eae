"""Going back to the release before, what a release refuses, and how it waits for its migration."""

from __future__ import annotations

import json
import sys

import kubectl
import migration
import pin
import pytest
import release
import revisions

DIGEST = f"sha256:{'a' * 64}"


def deployment(name="notevault-api", *, image):
    return {"metadata": {"name": name, "uid": name}, "spec": {"template": template(image)}}


def template(image, restarted=""):
    annotations = {"kubectl.kubernetes.io/restartedAt": restarted} if restarted else {}
    return {
        "metadata": {"labels": {"app": "x"}, "annotations": annotations},
        "spec": {"containers": [{"image": image}]},
    }


def replica_set(number, minute, image, *, name="notevault-api", restarted=""):
    made = template(image, restarted)
    made["metadata"]["labels"]["pod-template-hash"] = str(number)
    return {
        "metadata": {
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "creationTimestamp": f"2026-11-30T10:{minute:02}:00Z",
            "ownerReferences": [{"uid": name}],
        },
        "spec": {"template": made},
    }


class TestUndo:
    def test_goes_behind_restarts(self):
        sets = [
            replica_set(1, 0, "old"),
            replica_set(2, 10, "new"),
            replica_set(3, 20, "new", restarted="a"),
            replica_set(9, 20, "other", name="notevault-worker"),
        ]

        found = revisions.before(deployment(image="new"), sets)

        assert (found.revision, found.since.minute) == (1, 10)

    def test_leaves_what_the_last_release_did_not_change(self):
        api = revisions.before(
            deployment(image="b"), [replica_set(1, 0, "a"), replica_set(2, 5, "b")]
        )
        pooler = revisions.before(
            deployment("notevault-pgbouncer", image="b"),
            [
                replica_set(1, 0, "a", name="notevault-pgbouncer"),
                replica_set(2, 30, "b", name="notevault-pgbouncer"),
            ],
        )

        assert revisions.of_the_last_release([pooler, api]) == [pooler]

    def test_has_nowhere_to_go_after_the_first_release(self):
        sets = [replica_set(1, 0, "a"), replica_set(2, 5, "a", restarted="b")]

        assert revisions.of_the_last_release([revisions.before(deployment(image="a"), sets)]) == []


def answering(monkeypatch, tmp_path, answers):
    """A kubectl with these answers to `VERB KIND NAME`, else none; it keeps what it was asked."""
    script = tmp_path / "kubectl"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"answers = json.loads({json.dumps(json.dumps(answers))})\n"
        f"open({str(tmp_path / 'asked')!r}, 'a').write(' '.join(sys.argv[3:]) + '\\n')\n"
        "found = answers.get(' '.join(sys.argv[3:6]), answers.get(sys.argv[3], ''))\n"
        "print(json.dumps(found) if found else '')\n"
    )
    script.chmod(0o700)
    monkeypatch.setenv("KUBECTL", str(script))


NEEDS_KEYS = {
    "env": [
        {"valueFrom": {"secretKeyRef": {"name": "notevault-secrets", "key": k}}}
        for k in ("jwt-secret", "database-url")
    ]
}
PINS = ("--image", DIGEST, "--pgbouncer", DIGEST, "--version", "v1")
POOLER = {"data": {"databases.ini": "", "users.txt": ""}}
WHOLE = {"data": {"jwt-secret": "", "database-url": ""}}


class TestAReleaseIsRefused:
    """Before its pins are written."""

    @pytest.fixture(autouse=True)
    def the_pins_stay(self):
        before = pin.path_of("production").read_text()
        yield
        assert pin.path_of("production").read_text() == before

    def test_while_a_key_is_missing(self, monkeypatch, tmp_path, capsys):
        answers = {
            "apply": NEEDS_KEYS,
            "get secret notevault-secrets": {"data": {"jwt-secret": ""}},
        }
        answering(monkeypatch, tmp_path, answers)

        assert release.main(["production", *PINS]) == 1

        said = capsys.readouterr().err
        assert "lacks notevault-pgbouncer, notevault-secrets/database-url" in said

    def test_while_another_migrates(self, monkeypatch, tmp_path, capsys):
        answers = {
            "apply": NEEDS_KEYS,
            "get secret notevault-secrets": WHOLE,
            "get secret notevault-pgbouncer": POOLER,
            "get job notevault-migrate": {"status": {"active": 1}},
        }
        answering(monkeypatch, tmp_path, answers)

        assert release.main(["production", *PINS]) == 1

        assert "A migration is under way" in capsys.readouterr().err
        assert "delete" not in (tmp_path / "asked").read_text()


class TestAMigration:
    def test_that_cannot_start_is_told_and_taken_away(self, monkeypatch, tmp_path):
        waiting = {"reason": "ImagePullBackOff", "message": "no such manifest"}
        pod = {"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}}
        answering(monkeypatch, tmp_path, {"get pods --selector": {"items": [pod]}})

        with pytest.raises(migration.Failed, match=r"ImagePullBackOff.*no such manifest"):
            migration.wait(kubectl.Kubectl("shop"))

        assert "delete job notevault-migrate" in (tmp_path / "asked").read_text()

    def test_is_asked_for_again_when_the_server_was_silent(self, monkeypatch, tmp_path, capsys):
        answers = iter([kubectl.KubectlFailed("TLS handshake timeout"), "", "Complete"])

        def state(_):
            found = next(answers)
            if isinstance(found, Exception):
                raise found
            return found

        answering(monkeypatch, tmp_path, {"get pods --selector": {"items": []}})
        monkeypatch.setattr(migration, "state", state)
        monkeypatch.setattr(migration, "LOOK_EVERY_S", 0)

        assert migration.wait(kubectl.Kubectl("shop")) == "Complete"
        assert "TLS handshake" in capsys.readouterr().out
