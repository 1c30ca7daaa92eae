"""What the environment says, and what production does not start with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from notevault.settings import database, duration
from notevault.settings.required import NOT_AS_PUBLISHED, REQUIRED, SECRETS, refuse_bad_secrets
from ops.metrics import files

PROJECT = Path(settings.BASE_DIR)
EXAMPLE = PROJECT / ".env.example"
# Made up, and with the look of the real ones.
GOOD = {
    "DATABASE_URL": "postgresql://notevault:unused@127.0.0.1:1/notevault",
    "JWT_SECRET": "7d0f0c5d9b0a4f6e8c1b2a3948576f6d5e4c3b2a19087f6e5d4c3b2a10f9e8d7",
    "RAZORPAY_KEY_ID": "rzp_live_Q2hlY2tPbmx5MTIz",
    "RAZORPAY_KEY_SECRET": "b6Jq0mTz4VnKx8Lw2RcYdE5h",
    "RAZORPAY_WEBHOOK_SECRET": "Gk3pWm9sXv7bNq1tZy5cRf8j",
    "CLOUDINARY_CLOUD_NAME": "notevault-check",
    "CLOUDINARY_API_KEY": "837264519283746",
    "CLOUDINARY_API_SECRET": "Hn4vTq8mWx2zLk6pRc0bYs3dJf7",
    "FRONTEND_URL": "https://notevault.com",
    "INVOICE_SECRET": "c41f6ab2d7903e58f1b6c8d09a7e45327d16fb0a93c84e5d2b70e9f1a6c3d852",
    "GSTIN": "29AACCN4821K1Z9",
    "INVOICE_LEGAL_NAME": "NoteVault Learning Private Limited",
    "INVOICE_ADDRESS": "12 Residency Road, Bengaluru 560025",
    "EMAIL_URL": "smtp+tls://notevault:unused@127.0.0.1:1",
}


def example_values():
    lines = EXAMPLE.read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def run(*arguments, module="production", **environment):
    """Python with nothing in its environment but what is given."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_READ_DOT_ENV": "false",
            "DJANGO_SETTINGS_MODULE": f"notevault.settings.{module}",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def start(code="", **environment):
    return run("-c", f"import django; django.setup(); {code}", **environment)


class TestExample:
    """`.env.example`, which operators copy."""

    def test_names_every_variable_that_settings_read_and_no_other(self):
        code = "".join(
            path.read_text() for path in (PROJECT / "notevault" / "settings").glob("*.py")
        )
        for path in ("ops/web_worker.py", "deploy/gunicorn.conf.py"):
            code += (PROJECT / path).read_text()
        read = set(re.findall(r'\b(?:env|environ|number)\.\w+\(\s*"([A-Z_]+)"', code))
        read -= {"DJANGO_READ_DOT_ENV", "NOTEVAULT_PROCESS"}  # set by whoever starts a process
        read |= {files.VARIABLE}

        assert len(read) > 30
        assert set(example_values()) == read

    def test_names_each_once(self):
        names = re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)

        assert sorted(names) == sorted(set(names))

    def test_starts_a_developer_s_machine_as_it_is(self):
        # What local.py has set already, the file does not change.
        file = {n: v for n, v in example_values().items() if n not in {"DEBUG", "LOG_JSON"}}
        data_dir = {"DATA_DIR": str(settings.DATA_DIR)}

        result = run("manage.py", "check", module="local", **{**file, **data_dir})

        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == "System check identified no issues (0 silenced).\n"

    def test_does_not_start_production_as_it_is(self):
        result = start(**example_values())

        assert result.returncode == 1
        assert "Missing in the environment: DATABASE_URL, CLOUDINARY_CLOUD_NAME" in result.stderr

    def test_starts_production_once_what_is_required_is_filled_in(self):
        filled = {**example_values(), **GOOD, "PUBLIC_API_URL": "https://api.notevault.com"}

        result = start(
            "from django.conf import settings; print(settings.DEBUG, settings.ALLOWED_HOSTS)",
            **filled,
        )

        assert result.stderr == ""
        assert result.stdout == "False ['notevault.com', 'api.notevault.com']\n"


class TestRequired:
    def refusal(self, **changes):
        given = {**GOOD, **changes}
        with pytest.raises(ImproperlyConfigured) as refusal:
            refuse_bad_secrets(given, example=EXAMPLE)
        return str(refusal.value)

    def test_accepts_a_whole_environment(self):
        refuse_bad_secrets(GOOD, example=EXAMPLE)

    @pytest.mark.parametrize("name", REQUIRED)
    @pytest.mark.parametrize("value", ["", "  "])
    def test_names_what_is_missing(self, name, value):
        assert self.refusal(**{name: value}).startswith(f"Missing in the environment: {name}.")

    def test_names_all_that_is_missing_at_once(self):
        with pytest.raises(ImproperlyConfigured) as refusal:
            refuse_bad_secrets({}, example=EXAMPLE)

        assert str(refusal.value) == f"Missing in the environment: {', '.join(REQUIRED)}."

    @pytest.mark.parametrize("name", SECRETS)
    @pytest.mark.parametrize(
        "value",
        [
            "k7Q!",
            "changeme-" + "k3" * 30,
            "your-super-secret-jwt-key-change-in-production-please",
            "my-super-secret-key-of-the-year-two-thousand-and-twenty",
            "please-change-me-7f3a9b2c4d5e6f708192a3b4c5d6e7f809",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "<your key secret> 7f3a9b2c4d5e6f708192a3b4c5d6e7f809",
            "SECRET-7f3a9b2c4d5e6f708192a3b4c5d6e7f809112233445566",
            "test-7f3a9b2c4d5e6f708192a3b4c5d6e7f8091122334455667788",
            "0" * 64,
            "ab" * 32,
        ],
    )
    def test_names_a_secret_that_is_a_placeholder(self, name, value):
        message = self.refusal(**{name: value})

        assert f" is set for: {name}. " in message
        assert value not in message

    @pytest.mark.parametrize("name", [*SECRETS, *NOT_AS_PUBLISHED])
    def test_names_a_value_that_the_example_shows(self, name, tmp_path):
        shown = "Q2hlY2tPbmx5MTIzQ2hlY2tPbmx5MTIzQ2hlY2tPbmx5MTIzQ2hlY2tPbmx5MTIz"
        example = tmp_path / "example"
        example.write_text(f"# {name}=ignored\n{name}={shown}\n")

        with pytest.raises(ImproperlyConfigured, match=f"is set for: {name}\\."):
            refuse_bad_secrets({**GOOD, name: shown}, example=example)

    def test_names_every_default_of_the_example_at_once(self):
        shown = {name: value for name, value in example_values().items() if value}

        message = self.refusal(**shown)

        named = message.split("is set for: ")[1].split(". ")[0]
        assert named.split(", ") == [
            "JWT_SECRET",
            "RAZORPAY_KEY_SECRET",
            "RAZORPAY_WEBHOOK_SECRET",
            "RAZORPAY_KEY_ID",
        ]

    @pytest.mark.parametrize(("name", "length"), [("JWT_SECRET", 32), ("SECRET_KEY", 50)])
    def test_asks_for_secrets_that_are_long_enough(self, name, length):
        letters = "kQ7vXz2mWp9sTb4nRc6yHd8jLf3gZa5eUo1iKxVwBqNtMrPhYsDc"

        assert f" is set for: {name}. " in self.refusal(**{name: letters[: length - 1]})
        refuse_bad_secrets({**GOOD, name: letters[:length]}, example=EXAMPLE)

    @pytest.mark.parametrize("value", ["b6Jq0mTz4VnKx8Lw2RcYdE5h", "8Testq0mxXx4VnKx8Lw2Your"])
    def test_accepts_what_a_gateway_makes_up(self, value):
        refuse_bad_secrets({**GOOD, "RAZORPAY_KEY_SECRET": value}, example=EXAMPLE)

    def test_does_not_need_the_example(self, tmp_path):
        refuse_bad_secrets(GOOD, example=tmp_path / "nothing")


class TestProduction:
    def test_names_what_is_missing_and_does_not_start(self):
        result = start()

        assert result.returncode == 1
        last_line = result.stderr.strip().splitlines()[-1]
        assert last_line == (
            "django.core.exceptions.ImproperlyConfigured: "
            f"Missing in the environment: {', '.join(REQUIRED)}."
        )

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"JWT_SECRET": "development-only-secret-of-notevault"}, "is set for: JWT_SECRET."),
            ({"FRONTEND_URL": "notevault.com"}, "FRONTEND_URL"),
            ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
            ({"RAZORPAY_BASE_URL": "http://127.0.0.1:5002"}, "RAZORPAY_BASE_URL"),
            ({"DATABASE_URL": "mysql://a@b/c"}, "DATABASE_URL"),
            ({"JWT_EXPIRES_IN": "soon"}, "JWT_EXPIRES_IN"),
            ({"LOG_LEVEL": "shout"}, "LOG_LEVEL"),
            ({"THROTTLE_SIGN_IN": "20/minute"}, "THROTTLE_SIGN_IN"),
            ({"GST_STATE": "Karnataka"}, "GST_STATE"),
            ({"GST_STATE": "MH"}, "GSTIN"),
            ({"GSTIN": "29AACCN4821K1Z5"}, "GSTIN"),
            ({"GST_SAC": "9985"}, "GST_SAC"),
            ({"BACKUP_KEEP": "abc"}, "BACKUP_KEEP: 'abc' is not a whole number"),
            ({"WORKER_PORT": "-1"}, "WORKER_PORT must be at least 0"),
            ({"WEB_THREADS": "0"}, "WEB_THREADS must be at least 1"),
            ({"WORKER_GRACE_S": "nan"}, "WORKER_GRACE_S: 'nan' is not a number of seconds"),
            ({"DEAD_LETTERS_KEPT_DAYS": "3"}, "DEAD_LETTERS_KEPT_DAYS must be at least 4"),
            ({"DATABASE_LOCK_TIMEOUT": "1s"}, "DATABASE_LOCK_TIMEOUT: '1s' is not a whole number"),
        ],
    )
    def test_names_what_is_wrong_and_does_not_start(self, changes, message):
        result = start(**{**GOOD, **changes})

        last_line = result.stderr.strip().splitlines()[-1]
        assert result.returncode == 1
        assert last_line.startswith("django.core.exceptions.ImproperlyConfigured: ")
        assert message in last_line

    def test_starts_with_a_good_environment(self):
        result = start(
            "from django.conf import settings as s;"
            "print(s.DEBUG, s.ALLOWED_HOSTS, s.PUBLIC_API_URL, s.CSRF_TRUSTED_ORIGINS,"
            " s.CORS_ALLOWED_ORIGINS, s.NOTE_STORAGE, s.SESSION_COOKIE_SECURE)",
            **GOOD,
            DEBUG="true",
        )

        assert result.stderr == ""
        assert result.stdout.strip() == (
            "False ['notevault.com', 'api.notevault.com'] https://api.notevault.com"
            " ['https://api.notevault.com'] ['https://notevault.com']"
            " notes.storage.cloudinary.CloudinaryNoteStorage True"
        )

    def test_takes_an_empty_number_for_one_that_is_not_set(self):
        names = ("PORT", "WORKER_PORT", "WORKER_GRACE_S", "DEAD_LETTERS_KEPT_DAYS", "BACKUP_KEEP")

        result = start(
            "from django.conf import settings as s;"
            "print(s.PORT, s.WORKER_PORT, s.WORKER_GRACE_S, s.DEAD_LETTERS_KEPT.days)",
            **{**GOOD, **dict.fromkeys(names, "")},
        )

        assert (result.stdout, result.stderr) == ("5001 0 25.0 30\n", "")

    def test_is_told_of_a_number_that_is_none_by_the_web_server_too(self):
        arguments = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "notevault.wsgi")

        result = run(*arguments, **GOOD, WEB_DRAIN_S="x")

        said = "WEB_DRAIN_S: 'x' is not a number of seconds\n"
        assert (result.returncode, result.stderr) == (1, said)

    def test_passes_django_s_deployment_checks(self):
        result = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **GOOD)

        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == "System check identified no issues (0 silenced).\n"

    def test_writes_its_log_to_stdout_as_json_and_takes_a_level_in_lower_case(self):
        result = start(
            "import structlog, logging;"
            "structlog.get_logger('notevault.ours').debug('hello', password='canary');"
            "logging.getLogger('theirs').debug('a whole statement');"
            "logging.getLogger('theirs').warning('a\\nb')",
            **GOOD,
            LOG_LEVEL="debug",
        )

        lines = [orjson.loads(line) for line in result.stdout.splitlines()]
        said = [line for line in lines if line["logger"] in {"notevault.ours", "theirs"}]
        assert result.stderr == ""
        assert [(line["event"], line["level"]) for line in said] == [
            ("hello", "debug"),
            ("a\nb", "warning"),
        ]
        assert said[0]["password"] == "[redacted]"


class TestLocal:
    def test_refuses_a_live_key(self):
        result = start(module="local", RAZORPAY_KEY_ID="rzp_live_Q2hlY2tPbmx5MTIz")

        assert result.returncode == 1
        assert "A live Razorpay key" in result.stderr.strip().splitlines()[-1]


class TestDatabaseUrl:
    URL = "postgresql://nina:p%40ss%2Fword@db.example.com:6543/notes"
    TIMEOUTS = database.Timeouts().as_options()

    def read(self, query="", *, url=URL, pool_size=8):
        return database.from_url(url + query, pool_size=pool_size)

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
    def test_gives_host_user_and_name(self, scheme):
        config = self.read(url=self.URL.replace("postgresql", scheme))

        assert (config["ENGINE"], config["NAME"]) == ("notevault.db", "notes")
        assert (config["USER"], config["PASSWORD"]) == ("nina", "p@ss/word")
        assert (config["HOST"], int(config["PORT"])) == ("db.example.com", 6543)
        assert config["OPTIONS"]["pool"] == {
            "min_size": 1,
            "max_size": 8,
            "timeout": 5,
            "reconnect_timeout": 5,
        }
        assert (config["CONN_MAX_AGE"], config["CONN_HEALTH_CHECKS"]) == (0, True)

    @pytest.mark.parametrize(
        ("query", "options"),
        [
            ("?schema=public", {}),
            ("?schema=notevault", {"options": f"{TIMEOUTS} -c search_path=notevault"}),
            ("?connect_timeout=10", {"connect_timeout": 10}),
            ("?sslmode=require", {"sslmode": "require"}),
            (
                "?sslmode=verify-full&sslrootcert=/ca.pem",
                {
                    "sslmode": "verify-full",
                    "sslrootcert": "/ca.pem",
                },
            ),
            ("?application_name=notevault", {"application_name": "notevault"}),
            ("?pgbouncer=false", {}),
            (
                "?schema=shop&options=-c%20statement_timeout%3D5000",
                {"options": f"{TIMEOUTS} -c statement_timeout=5000 -c search_path=shop"},
            ),
        ],
    )
    def test_hands_on_what_libpq_knows(self, query, options):
        config = self.read(query)

        config["OPTIONS"].pop("pool")
        assert config["OPTIONS"] == {"options": self.TIMEOUTS, **options}
        assert not config.get("DISABLE_SERVER_SIDE_CURSORS")

    @pytest.mark.parametrize(
        ("query", "options"),
        [
            ("?pgbouncer=true", {}),
            ("?pgbouncer=true&schema=shop", {"options": "-c search_path=shop"}),
        ],
    )
    def test_asks_pgbouncer_for_no_more_than_it_can(self, query, options):
        config = self.read(query)

        config["OPTIONS"].pop("pool")
        assert config["OPTIONS"] == {"prepare_threshold": None, **options}
        assert config["DISABLE_SERVER_SIDE_CURSORS"] is True

    @pytest.mark.parametrize(
        ("query", "pool"),
        [
            ("?connection_limit=3", {"min_size": 1, "max_size": 3, "timeout": 5}),
            ("?pool_timeout=20", {"min_size": 1, "max_size": 8, "timeout": 5}),
            ("?connection_limit=40&pool_timeout=1", {"min_size": 1, "max_size": 40, "timeout": 1}),
        ],
    )
    def test_maps_prisma_s_pool(self, query, pool):
        assert self.read(query)["OPTIONS"]["pool"] == {**pool, "reconnect_timeout": 5}

    @pytest.mark.parametrize(
        "query",
        [
            "?connection_limit=0",
            "?connection_limit=-1",
            "?connection_limit=many",
            "?connection_limit=",
            "?pool_timeout=1.5",
            "?connect_timeout=soon",
        ],
    )
    def test_refuses_a_number_that_is_none(self, query):
        with pytest.raises(ImproperlyConfigured):
            self.read(query)

    @pytest.mark.parametrize(
        "url", ["mysql://a@b/c", "sqlite:///x", "prometheus_postgresql://a@b/c", "", "postgresql"]
    )
    def test_refuses_another_database(self, url):
        with pytest.raises(ImproperlyConfigured, match="postgresql://"):
            self.read(url=url)

    def test_says_nothing_of_the_password_when_it_refuses(self):
        with pytest.raises(ImproperlyConfigured) as refusal:
            self.read("?connection_limit=many")

        assert "p@ss" not in str(refusal.value)
        assert "p%40ss" not in str(refusal.value)

    def test_may_come_without_a_port_and_a_password(self):
        config = self.read(url="postgresql://nina@localhost/notes")

        assert (config["HOST"], config["PORT"] or "", config["PASSWORD"] or "") == (
            "localhost",
            "",
            "",
        )

    def test_is_asked_for_when_debug_is_off(self, tmp_path):
        with pytest.raises(ImproperlyConfigured, match="DATABASE_URL is not set"):
            database.embedded_server(tmp_path, debug=False, pool_size=1)


class TestDuration:
    @pytest.mark.parametrize(
        ("text", "length"),
        [
            ("7d", timedelta(days=7)),
            ("12h", timedelta(hours=12)),
            ("30m", timedelta(minutes=30)),
            ("45s", timedelta(seconds=45)),
            ("2w", timedelta(weeks=2)),
            ("604800", timedelta(days=7)),
            (" 7d ", timedelta(days=7)),
            ("3650d", timedelta(days=3650)),
        ],
    )
    def test_is_read_as_jsonwebtoken_writes_it(self, text, length):
        assert duration.parse(text) == length

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "0",
            "0d",
            "-1d",
            "1.5h",
            "d",
            "7 dogs",
            "7dd",
            "seven days",
            "٧d",
            "3651d",
            "9" * 9 + "d",
        ],
    )
    def test_is_refused_when_it_is_none_or_endless(self, text):
        with pytest.raises(ImproperlyConfigured, match="JWT_EXPIRES_IN"):
            duration.parse(text)


class TestWiring:
    def test_is_a_week_s_session_by_default(self):
        assert timedelta(days=7) == settings.SESSION_LIFETIME
        assert timedelta(minutes=15) == settings.ACCESS_TOKEN_LIFETIME

    @pytest.mark.parametrize(
        "path", [*settings.MIDDLEWARE, settings.NOTE_STORAGE, settings.PAYMENT_GATEWAY]
    )
    def test_can_be_imported(self, path):
        assert import_string(path)

    def test_trusts_no_forwarded_address_unless_told(self):
        assert settings.REST_FRAMEWORK["NUM_PROXIES"] == 0

    def test_sends_headers_that_browsers_heed(self, client, db):
        response = client.get("/api/v1/categories")

        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"
        assert "default-src 'none'" in response["Content-Security-Policy"]
