"""Where mails go, by EMAIL_URL."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from notevault.checks import mails_reach_nobody
from notevault.settings import mail
from notevault.tests.test_settings import GOOD, run

SMTP = "django.core.mail.backends.smtp.EmailBackend"


class TestEmailUrl:
    @pytest.mark.parametrize(
        ("url", "port", "tls", "ssl"),
        [
            ("smtp+tls://nina:p%40ss@mail.example.com", 587, True, None),
            ("smtp+tls://nina:p%40ss@mail.example.com:2525", 2525, True, None),
            ("smtp+ssl://nina:p%40ss@mail.example.com", 465, None, True),
            ("smtp://nina:p%40ss@mail.example.com", 25, None, None),
        ],
    )
    def test_names_a_server(self, url, port, tls, ssl):
        config = mail.from_url(url)

        assert (config["EMAIL_BACKEND"], config["EMAIL_HOST"]) == (SMTP, "mail.example.com")
        assert (config["EMAIL_HOST_USER"], config["EMAIL_HOST_PASSWORD"]) == ("nina", "p@ss")
        assert config["EMAIL_PORT"] == port
        assert (config.get("EMAIL_USE_TLS"), config.get("EMAIL_USE_SSL")) == (tls, ssl)

    @pytest.mark.parametrize("url", ["filemail:///var/mails", "filemail:////var/mails"])
    def test_may_name_a_folder(self, url):
        config = mail.from_url(url)

        assert config["EMAIL_BACKEND"] == "django.core.mail.backends.filebased.EmailBackend"
        assert config["EMAIL_FILE_PATH"] == "/var/mails"

    @pytest.mark.parametrize(
        "url", ["mail.example.com", "http://x", "smtp+tls://", "smtp://host:port", "smtp"]
    )
    def test_is_refused_when_it_is_none(self, url):
        with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
            mail.from_url(url)

    def test_is_not_waited_for_longer_than_ten_seconds(self):
        assert settings.EMAIL_TIMEOUT == 10

    def test_gives_the_sender_the_site_s_name_unless_told(self):
        assert settings.DEFAULT_FROM_EMAIL == "NoteVault <no-reply@localhost>"


class TestProductionWithoutIt:
    def test_starts_and_says_that_mails_reach_nobody(self):
        without = {name: value for name, value in GOOD.items() if name != "EMAIL_URL"}

        result = run("manage.py", "check", **without)

        assert result.returncode == 0
        assert "(notevault.W001) EMAIL_URL is not set" in result.stderr

    def test_writes_them_to_its_log(self):
        without = {name: value for name, value in GOOD.items() if name != "EMAIL_URL"}
        code = (
            "import django; django.setup(); from django.conf import settings as s;"
            "print(s.EMAIL_BACKEND, s.DEFAULT_FROM_EMAIL)"
        )

        result = run("-c", code, **without)

        assert result.stdout == (
            "django.core.mail.backends.console.EmailBackend NoteVault <no-reply@notevault.com>\n"
        )

    def test_is_silent_once_it_is_there(self, settings):
        settings.DEBUG, settings.EMAIL_URL = False, "smtp+tls://mail.example.com"

        assert mails_reach_nobody() == []
