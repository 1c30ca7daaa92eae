"""`manage.py doctor`, as an operator runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection

from notevault.tests.test_settings import GOOD, PROJECT, run
from ops.doctor import paper
from ops.doctor.finding import Finding, Level, fail, ok, warn

HERE = "ops.doctor.tests.test_command"


def doctor(*arguments, **environment):
    """In a process of its own, with the settings of production."""
    return run("manage.py", "doctor", *arguments, **{**GOOD, **environment})


def well(visit):
    yield ok("All is well.")


def warned(visit):
    yield warn("It could be better.", "Better it.")


def failed(visit):
    yield fail("It is broken.", "Mend it.")


def buggy(visit):
    yield ok("So far.")
    raise KeyError("lost")


def curious(visit):
    yield ok(f"{visit.pods} {visit.online} {visit.send} {visit.mail_to}")


def at_a_loss(visit):
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    yield ok("never")


class TestWithoutADatabase:
    def test_says_so_plainly_and_tells_the_rest(self):
        result = doctor()

        assert result.returncode == 1
        assert "The database cannot be reached" in result.stdout
        assert "Check DATABASE_URL" in result.stdout
        assert "Not examined: the database is away." in result.stdout
        assert "The key is of live mode" in result.stdout
        assert "\x1b" not in result.stdout
        assert "Traceback" not in result.stdout + result.stderr

    def test_does_so_in_json(self):
        result = doctor("--json")

        told = json.loads(result.stdout)
        by_topic = {row["topic"]: row for row in told["findings"]}
        assert result.returncode == 1
        assert by_topic["jobs"]["what"] == "Not examined: the database is away."
        assert told["counts"]["fail"] >= 1
        assert set(by_topic) == set(django_settings.DOCTOR)

    def test_tells_no_secret(self):
        said = doctor().stdout

        assert [name for name, value in GOOD.items() if "SECRET" in name and value in said] == []

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("mysql://a@b/c", "must start with postgresql://"),
            ("postgresql://nina:pa/ss@h/db", "DATABASE_URL is no URL"),
            ("postgresql://host.invalid", "cannot be reached"),
            ("", "Missing in the environment: DATABASE_URL."),
        ],
    )
    def test_names_a_url_that_is_nonsense(self, url, said):
        result = doctor("--only", "machine", "--json", DATABASE_URL=url)

        what = " ".join(row["what"] for row in json.loads(result.stdout)["findings"])
        assert result.returncode == 1
        assert said in what
        assert "'pa'" not in what


@pytest.mark.django_db(transaction=True)
class TestWithADatabase:
    @pytest.fixture
    def topics(self, settings):
        def arrange(**names):
            settings.DOCTOR = {topic: f"{HERE}.{name}" for topic, name in names.items()}

        return arrange

    def ask(self, *arguments):
        out = StringIO()
        try:
            call_command("doctor", *arguments, stdout=out)
        except SystemExit as end:
            return end.code, out.getvalue()
        return 0, out.getvalue()

    def test_exits_with_0_when_nothing_fails(self, topics):
        topics(one="well", two="warned")

        code, said = self.ask()

        assert code == 0
        assert said.splitlines()[-1] == "2 ok, 1 warning, 0 fails"

    def test_exits_with_1_when_a_line_fails(self, topics):
        topics(one="failed")

        code, said = self.ask()

        assert code == 1
        assert "fail  one       It is broken.\n                → Mend it.\n" in said

    def test_exits_with_1_for_a_warning_when_it_is_strict(self, topics):
        topics(one="warned")

        assert self.ask("--strict")[0] == 1

    def test_looks_at_one_topic_when_it_is_named(self, topics):
        topics(one="failed", two="well")

        code, said = self.ask("--only", "two")

        assert (code, said.splitlines()[-1]) == (0, "1 ok, 0 warnings, 0 fails")

    def test_goes_on_after_a_topic_that_breaks(self, topics):
        topics(one="buggy", two="at_a_loss", three="well")

        code, said = self.ask()

        assert code == 1
        assert "Could not be examined: KeyError: 'lost'" in said
        assert "Run `manage.py migrate`." in said
        assert "All is well." in said

    def test_hands_on_what_it_is_asked(self, topics):
        topics(one="curious")
        asked = ["--pods", "3", "--online", "--send", "--send-mail-to", "me@example.com"]

        assert "3 True True me@example.com" in self.ask(*asked)[1]

    def test_leaves_the_connections_of_its_caller_alone(self, topics):
        topics(one="well")
        before = connection.connection

        self.ask()

        assert connection.connection is before
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def test_as_it_is_finds_no_bug_of_its_own(self):
        _, said = self.ask("--json")

        findings = json.loads(said)["findings"]
        assert {row["topic"] for row in findings} == set(django_settings.DOCTOR)
        assert [row for row in findings if "Could not be" in row["what"]] == []
        assert [row for row in findings if "did not answer" in row["what"]] == []
        assert all(row["remedy"] for row in findings if row["level"] != "ok")


class TestPaper:
    FOUND = [("site", ok("Good.")), ("mail", warn("Poor.", "Mend."))]

    def test_counts_in_words(self):
        assert paper.summary(self.FOUND) == "1 ok, 1 warning, 0 fails"

    def test_is_coloured_only_when_it_is_wanted(self):
        plain, *_ = paper.lines("site", ok("Good."), width=4, colour=False)
        coloured, *_ = paper.lines("site", ok("Good."), width=4, colour=True)

        assert plain == "ok    site  Good."
        assert coloured == "\x1b[32mok  \x1b[0m  site  Good."

    def test_keeps_its_width(self):
        finding = Finding(Level.WARN, "word " * 60, "remedy " * 40)

        assert max(map(len, paper.lines("site", finding, width=8, colour=False))) <= paper.WIDTH

    def test_breaks_no_command(self):
        long = "postgresql://" + "x" * 120

        assert any(
            long in line for line in paper.lines("s", fail("x", long), width=4, colour=False)
        )


def test_is_coloured_on_a_terminal():
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_READ_DOT_ENV": "false",
        "DJANGO_SETTINGS_MODULE": "notevault.settings.production",
        "TERM": "xterm",
        **GOOD,
    }
    process = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--only", "secrets"],
        cwd=PROJECT,
        env=environment,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    said = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)

    assert process.returncode == 1
    assert "\x1b[31;1mfail\x1b[0m" in said
