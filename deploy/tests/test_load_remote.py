"""A server elsewhere: what is refused before anything is sent, and what is left out."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.load import plan, remote
from deploy.load.__main__ import main
from deploy.load.remote import Refused
from ops.tests.own_database import free_port


@contextmanager
def server(answer, status=200):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


class TestProduction:
    @pytest.mark.parametrize(
        "url", ["https://api.notevault.com", "https://notevault.com", "http://API.NoteVault.com:80"]
    )
    def test_is_loaded_only_when_it_is_meant(self, url):
        with pytest.raises(Refused, match="--yes-production"):
            remote.demand_allowed(url, is_meant=False)

        remote.demand_allowed(url, is_meant=True)

    @pytest.mark.parametrize(
        "url", ["https://staging.notevault.com", "http://127.0.0.1:5001", "https://notevault.dev"]
    )
    def test_is_nothing_else(self, url):
        remote.demand_allowed(url, is_meant=False)


class TestAnAddress:
    @pytest.mark.parametrize("url", ["staging", "ftp://staging", "https://"])
    def test_is_whole(self, url):
        with pytest.raises(Refused, match="no address"):
            remote.demand_allowed(url, is_meant=False)

    def test_holds_no_password(self):
        with pytest.raises(Refused, match="--users") as refused:
            remote.demand_allowed("https://me:hidden@staging.notevault.com", is_meant=True)

        assert "hidden" not in str(refused.value)

    def test_is_where_a_server_answers(self):
        with pytest.raises(Refused, match="No server answers"):
            remote.demand_answer(f"http://127.0.0.1:{free_port()}")

    @pytest.mark.parametrize(
        ("answer", "status", "says"),
        [
            (b"<html>", 200, "does not answer as NoteVault"),
            (b'{"items": []}', 200, "without a note"),
            (b'{"items": [{}]}', 503, "answered 503"),
        ],
    )
    def test_is_where_notevault_does(self, answer, status, says):
        with server(answer, status) as url, pytest.raises(Refused, match=says):
            remote.demand_answer(url)

    def test_of_a_shop_with_notes_is_taken(self):
        with server(json.dumps({"items": [{"id": "1"}]}).encode()) as url:
            remote.demand_answer(url)


class TestWhatCannotBeDone:
    def test_is_left_out_with_a_sentence(self):
        assert remote.mix_for(has_people=True, has_sandbox=True) == (plan.MIX, "")
        without_play_money, why = remote.mix_for(has_people=True, has_sandbox=False)
        assert "buy" not in without_play_money
        assert "--sandbox-url" in why
        anonymous, why = remote.mix_for(has_people=False, has_sandbox=True)
        assert set(anonymous) == {"browse", "search", "detail"}
        assert "--users" in why


class TestTheFileOfUsers:
    def write(self, tmp_path, text, mode=0o600):
        path = tmp_path / "users.csv"
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_gives_people_who_have_to_sign_in_first(self, tmp_path):
        path = self.write(tmp_path, 'a@example.com,"one, two"\n\nb@example.com,three\n')

        people = remote.read_people(path)

        assert [(who.email, who.password) for who in people] == [
            ("a@example.com", "one, two"),
            ("b@example.com", "three"),
        ]
        assert not any(who.access or who.refresh or who.address for who in people)

    def test_that_others_can_read_is_refused(self, tmp_path):
        with pytest.raises(Refused, match="chmod 600"):
            remote.read_people(self.write(tmp_path, "a@example.com,one\n", mode=0o640))

    @pytest.mark.parametrize("text", ["", "a@example.com\n", "a,b,c\n", "a,b\nc\n"])
    def test_that_holds_something_else_is_refused(self, tmp_path, text):
        with pytest.raises(Refused, match="email,password"):
            remote.read_people(self.write(tmp_path, text))

    def test_that_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(Refused, match="cannot be read"):
            remote.read_people(tmp_path / "users.csv")


class TestTheCommand:
    @pytest.mark.parametrize(
        "given", [["--rate", "0"], ["--seconds", "x"], ["--full", "--smoke"], ["--only", "steal"]]
    )
    def test_refuses_what_makes_no_sense(self, given, capsys):
        with pytest.raises(SystemExit) as ended:
            main(given)

        assert ended.value.code == 2
        assert capsys.readouterr().err
