"""The two signatures, against the values that Razorpay publishes."""

from __future__ import annotations

import base64

import pytest

from payments.gateways.signatures import checkout_is_authentic, sign, webhook_is_authentic
from payments.tests.factories import VECTORS

PUBLISHED = VECTORS["signature_vectors"]


def message_of(vector):
    return base64.b64decode(vector["message_b64"])


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


@pytest.mark.parametrize("vector", PUBLISHED, ids=lambda vector: vector["id"])
class TestPublishedVectors:
    def is_authentic(self, vector, message: bytes, signature: str, secret: str) -> bool:
        if vector["kind"] == "webhook":
            return webhook_is_authentic(body=message, signature=signature, secrets=[secret])
        order_id, _, payment_id = message.decode("latin-1").partition("|")
        return checkout_is_authentic(
            gateway_order_id=order_id,
            gateway_payment_id=payment_id,
            signature=signature,
            key_secret=secret,
        )

    def test_verify(self, vector):
        given = (message_of(vector), vector["expected_signature"], vector["secret"])

        assert self.is_authentic(vector, *given)
        assert sign(message_of(vector), secret=vector["secret"]) == vector["expected_signature"]

    def test_with_any_bit_of_the_message_flipped_do_not(self, vector):
        message = message_of(vector)

        for bit in range(len(message) * 8):
            forged = flipped(message, bit)
            assert not self.is_authentic(
                vector, forged, vector["expected_signature"], vector["secret"]
            )

    def test_with_any_bit_of_the_signature_flipped_do_not(self, vector):
        signature = vector["expected_signature"].encode()

        for bit in range(len(signature) * 8):
            forged = flipped(signature, bit).decode("latin-1")
            assert not self.is_authentic(vector, message_of(vector), forged, vector["secret"])

    @pytest.mark.parametrize(
        "damage",
        [
            lambda s: "",
            lambda s: s[:-1],
            lambda s: s + "0",
            lambda s: s.upper(),
            lambda s: "ü" * 64,
        ],
    )
    def test_with_a_damaged_signature_do_not(self, vector, damage):
        forged = damage(vector["expected_signature"])

        assert not self.is_authentic(vector, message_of(vector), forged, vector["secret"])


class TestSecrets:
    def test_an_empty_one_signs_nothing(self):
        with pytest.raises(ValueError, match="empty secret"):
            sign(b"body", secret="")

    def test_an_empty_one_verifies_nothing(self):
        import hashlib
        import hmac

        forged = hmac.new(b"", b"body", hashlib.sha256).hexdigest()

        assert not webhook_is_authentic(body=b"body", signature=forged, secrets=[""])

    def test_the_previous_one_is_accepted_in_a_rotation(self):
        signature = sign(b"body", secret="old secret")

        assert webhook_is_authentic(
            body=b"body", signature=signature, secrets=["new secret", "old secret"]
        )
        assert not webhook_is_authentic(body=b"body", signature=signature, secrets=["new secret"])
