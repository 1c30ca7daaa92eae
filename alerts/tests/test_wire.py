"""One POST to somebody who may be slow, broken or hostile."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.channels import wire
from alerts.tests.sinks import drip, raw_sink, say, sink
from notevault.kit import addresses

PUBLIC = "93.184.216.34"


def post(url, **options):
    return wire.post(url, body=b"{}", headers={}, **{"allow_private": True, **options})


def refusal(url, **options):
    with pytest.raises(wire.NotReached) as refused:
        post(url, **options)
    return str(refused.value)


def names(monkeypatch, *answers):
    """A name server that gives one answer after the other; the list of what it was asked."""
    asked = []

    def answer(host, port, **_):
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


class TestAPost:
    def test_says_where_and_what(self):
        with sink() as receiver:
            reply = wire.post(
                f"{receiver.url}?a=1", body=b'{"x":1}', headers={"X-A": "b"}, allow_private=True
            )

        ((path, headers, body),) = receiver.requests
        assert (reply.status, path, body) == (200, "/hook/secret-path?a=1", b'{"x":1}')
        assert (headers["X-A"], headers["Host"]) == ("b", receiver.url.split("/")[2])

    def test_follows_no_redirect(self):
        with sink() as other, sink() as receiver:
            receiver.answer = (307, {"Location": other.url}, b"")

            reply = post(receiver.url)

        assert (reply.status, len(receiver.requests), other.requests) == (307, 1, [])

    def test_reads_no_more_of_an_answer_than_it_needs(self):
        with sink() as receiver:
            receiver.answer = (500, {}, b"y" * 1_000_000)

            reply = post(receiver.url)

        assert (reply.status, len(reply.text)) == (500, wire.LONGEST_BODY)

    @pytest.mark.parametrize(
        "garbage",
        [b"", b"\x00\xff\n\n\n", b"220 mail.example.com ESMTP\r\n", b"HTTP/1.1 abc\r\n\r\n"],
    )
    def test_is_refused_by_what_does_not_speak_http(self, garbage):
        with raw_sink(say(garbage)) as url:
            said = refusal(url)

        assert "HTTP" in said or "no connection" in said

    def test_is_refused_by_a_closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]

        assert "ConnectionRefusedError" in refusal(f"http://127.0.0.1:{port}/secret-path")


class TestFiveSeconds:
    @pytest.fixture(autouse=True)
    def half_a_second(self, monkeypatch):
        monkeypatch.setattr(wire, "TIMEOUT_S", 0.5)

    @pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "])
    def test_are_all_it_takes_however_the_answer_drips(self, beginning):
        with raw_sink(drip(beginning)) as url:
            began = time.monotonic()
            said = refusal(url)

        assert said.startswith("no answer within")
        assert time.monotonic() - began < 2

    def test_are_enough_for_a_status_whose_body_drips(self):
        with raw_sink(say(b"HTTP/1.1 410 Gone\r\nContent-Length: 9000\r\n\r\n")) as url:
            assert post(url).status == 410

    def test_include_a_name_server_that_thinks(self, monkeypatch):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))

        began = time.monotonic()

        assert refusal("http://slow.example/").startswith("no answer within")
        assert time.monotonic() - began < 2

    def test_is_five(self, monkeypatch):
        monkeypatch.undo()

        assert wire.TIMEOUT_S == 5.0


class TestANameThatLeadsInside:
    @pytest.mark.parametrize(
        "answer", [["10.0.0.7"], ["127.0.0.1"], ["169.254.169.254"], [PUBLIC, "192.168.1.1"]]
    )
    def test_is_refused_before_anything_is_sent(self, monkeypatch, answer):
        names(monkeypatch, answer)

        said = refusal("https://alerts.example.com/secret-path", allow_private=False)

        assert said == "its name leads into a private network"

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433"])
    def test_is_refused_as_an_address_too(self, host):
        with sink() as receiver:
            port = receiver.url.split(":")[2].split("/")[0]

            said = refusal(f"http://{host}:{port}/", allow_private=False)

        assert said in {"its name leads into a private network", "its name is not known"}
        assert receiver.requests == []

    def test_cannot_answer_twice(self, monkeypatch):
        """The connection goes to the address that was checked, whatever comes after."""
        called = []
        asked = names(monkeypatch, [PUBLIC], ["127.0.0.1"])
        monkeypatch.setattr(socket.socket, "connect", lambda _, address: called.append(address[0]))
        monkeypatch.setattr(wire, "_exchange", lambda *_: wire.Reply(status=200))

        post("http://alerts.example.com/", allow_private=False)

        assert (asked, called) == (["alerts.example.com"], [PUBLIC])


class TestAddresses:
    @pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
    def test_of_the_world_are_public(self, address):
        assert addresses.is_public(address)

    @pytest.mark.parametrize(
        "address",
        [
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1%eth0",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "2002:7f00:1::",
            "64:ff9b::a9fe:a9fe",
        ],
    )
    def test_of_a_network_of_somebody_s_own_are_not(self, address):
        assert not addresses.is_public(address)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """For localhost and 127.0.0.1, signed by itself; the path of key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("localhost"),
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                ]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(certificate):
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    with sink(tls=served) as receiver:
        yield receiver


class TestTls:
    def test_is_refused_from_an_unknown_authority(self, secure):
        assert "TLS: self-signed certificate" in refusal(secure.url)
        assert secure.requests == []

    def test_is_verified_against_the_name_and_not_the_address(
        self, secure, certificate, monkeypatch
    ):
        trusting = ssl.create_default_context(cafile=certificate)
        monkeypatch.setattr(wire, "tls_context", lambda: trusting)
        port = secure.url.split(":")[2].split("/")[0]

        reply = post(secure.url)
        names(monkeypatch, ["127.0.0.1"])
        said = refusal(f"https://elsewhere.example:{port}/")

        assert (reply.status, len(secure.requests)) == (200, 1)
        assert "TLS: Hostname mismatch" in said
