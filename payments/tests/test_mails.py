"""Who is mailed what, once and only while it is so."""

from __future__ import annotations

import smtplib
from uuid import uuid4

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection

from notes.models import NoteAccess
from notes.tests.factories import make_note
from notevault.accounts.models import User
from notevault.accounts.tests.factories import make_user
from ops.models import DeadLetter
from payments import mails, refunds
from payments.mails import MailKind, sending
from payments.models import OrderItem, RefundRequest
from payments.payouts.answers import apply_answers
from payments.payouts.bank_files import Answer
from payments.payouts.batches import make_batch
from payments.payouts.decisions import approve_payout, reject_payout
from payments.settlement import settle_payment
from payments.tests.factories import make_order, make_payout
from payments.tests.selling import sell

pytestmark = pytest.mark.django_db

SALE = "payments.tasks.mail_sale"
SEND = "payments.tasks.send_mail"


@pytest.fixture
def payment(seller, buyer, note, gateway, now):
    return sell(gateway, buyer=buyer, notes=[note], now=now)


@pytest.fixture
def sold(run_jobs, seller, buyer, note, gateway, now):
    """Sold after `run_jobs` has emptied the queue: the jobs of the sale wait in it."""
    return sell(gateway, buyer=buyer, notes=[note], now=now)


def raiser(error):
    def send_messages(*_):
        raise error

    return send_messages


def run_mails(run_jobs):
    """Run what is due; of it, the jobs of mails."""
    return [name for name in run_jobs() if name in (SALE, SEND)]


def sent(to):
    return [message for message in mail.outbox if message.to == [to]]


def html_of(message):
    return message.alternatives[0].content


def send(kind, subject_id, recipient):
    mails.send(kind=kind, subject_id=subject_id, recipient_id=recipient.pk)
    return mail.outbox[-1] if mail.outbox else None


class TestASale:
    def test_tells_the_buyer_and_the_seller_once_each(self, sold, run_jobs, buyer, seller):
        assert run_mails(run_jobs) == [SALE, SEND, SEND]

        assert len(mail.outbox) == 2
        assert (len(sent(buyer.email)), len(sent(seller.email))) == (1, 1)

    def test_tells_each_seller_of_their_own_lines(
        self, run_jobs, buyer, seller, stranger, note, gateway, now
    ):
        second = make_note(seller=seller, title="Heaps", price_paise=4900)
        other = make_note(seller=stranger, title="Trees", price_paise=4900)
        sell(gateway, buyer=buyer, notes=[note, second, other], now=now)
        run_jobs()

        (ours,), (theirs,) = sent(seller.email), sent(stranger.email)

        # 5 % off for three notes: 9405 and twice 4655 paid, of which 85 % are the sellers'.
        assert ours.subject == "You sold 2 notes: ₹119.51"
        assert "Heaps (paid: ₹46.55): ₹39.57" in ours.body
        assert f"{note.title} (paid: ₹94.05): ₹79.94" in ours.body
        assert "Trees" not in ours.body
        assert theirs.subject == "You sold 1 note: ₹39.57"
        assert buyer.email not in ours.body + theirs.body
        assert buyer.name not in ours.body + theirs.body

    def test_gives_the_buyer_a_receipt_with_lines_discount_and_total(
        self, run_jobs, buyer, seller, note, gateway, now, settings
    ):
        others = [make_note(seller=seller, title=title, price_paise=4900) for title in "AB"]
        payment = sell(gateway, buyer=buyer, notes=[note, *others], now=now)
        run_jobs()

        (receipt,) = sent(buyer.email)

        assert receipt.subject == "Your receipt: 3 notes, ₹187.15"
        assert receipt.body == (
            "Hello Buyer,\n"
            "\n"
            "Thank you for your purchase of 23 November 2026.\n"
            "\n"
            "Your 3 notes are in your library.\n"
            "\n"
            f"{note.title}: ₹99.00\n"
            "A: ₹49.00\n"
            "B: ₹49.00\n"
            "\n"
            "Discount: -₹9.85\n"
            "Paid, GST included: ₹187.15\n"
            "\n"
            f"Order {payment.order_id}.\n"
            "\n"
            f"Your library: {settings.FRONTEND_URL}/library\n"
            f"Order and invoice: {settings.FRONTEND_URL}/orders/{payment.order_id}\n"
            "\n"
            "NoteVault\n"
        )
        assert "<td" in html_of(receipt)

    def test_says_what_could_not_be_given(self, buyer, seller, note, gateway, now):
        other = make_note(seller=seller, title="Trees")
        order = make_order(buyer=buyer, notes=[note, other], now=now)
        NoteAccess.objects.create(note=note, buyer=buyer, reference=uuid4(), granted_at=now)
        paid = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)

        receipt = send(MailKind.RECEIPT, order.pk, buyer)

        assert "Your note is in your library." in receipt.body
        assert f"We could not give you “{note.title}”: ₹99.00 goes back to you." in receipt.body


class TestARefund:
    def test_that_is_done_is_told_once_to_its_buyer(self, payment, run_jobs, buyer, now):
        refunds.give_back(payment=payment, amount_paise=9900, why="secret", now=now)

        assert run_mails(run_jobs) == [SEND]

        (message,) = mail.outbox
        assert (message.to, message.subject) == ([buyer.email], "Refunded: ₹99.00")
        assert "rfnd_" in message.body
        assert "secret" not in message.body

    def test_that_failed_is_told_without_the_reason(self, payment, run_jobs, buyer, now):
        refund = refunds.give_back(payment=payment, amount_paise=9900, why="secret", now=now)
        refunds.fail_refund(refund_id=refund.pk, why="secret", now=now)
        run_jobs()

        assert [message.subject for message in mail.outbox] == ["Your refund of ₹99.00 is delayed"]
        assert "secret" not in mail.outbox[0].body

    def test_that_went_through_meanwhile_is_not_told_as_failed(
        self, payment, run_jobs, buyer, gateway, now
    ):
        refund = refunds.give_back(payment=payment, amount_paise=9900, why="test", now=now)
        refunds.fail_refund(refund_id=refund.pk, why="told so", now=now)
        reply = gateway.refund_payment(
            payment.gateway_payment_id, amount_paise=9900, idempotency_key=refund.idempotency_key
        )
        refunds.record_reply(refund_id=refund.pk, reply=reply, now=now)
        run_jobs()

        assert [message.subject for message in mail.outbox] == ["Refunded: ₹99.00"]


class TestARequest:
    @pytest.fixture
    def request_in(self, payment, buyer, now):
        def make(state, **fields):
            return RefundRequest.objects.create(
                order=payment.order,
                buyer=buyer,
                asked_by=buyer,
                state=state,
                reason="file_broken",
                amount_paise=9900,
                created_at=now,
                **fields,
            )

        return make

    @pytest.mark.parametrize(
        ("kind", "state", "subject"),
        [
            (MailKind.REFUND_ASKED, "requested", "We have your refund request: ₹99.00"),
            (MailKind.REFUND_APPROVED, "approved", "Your refund is approved: ₹99.00"),
            (MailKind.REFUND_REJECTED, "rejected", "Your refund request was not approved"),
        ],
    )
    def test_is_told_to_its_buyer(self, request_in, run_jobs, buyer, kind, state, subject):
        mails.tell(kind=kind, subject_id=request_in(state).pk)
        run_jobs()

        assert [(m.to, m.subject) for m in mail.outbox] == [([buyer.email], subject)]

    def test_is_rejected_with_its_reason(self, request_in, buyer):
        asked = request_in("rejected", decided_why="The file <opens>.")

        message = send(MailKind.REFUND_REJECTED, asked.pk, buyer)

        assert "The reason: The file <opens>." in message.body
        assert "The file &lt;opens&gt;." in html_of(message)

    def test_that_was_decided_meanwhile_is_not_told_as_asked(self, request_in, buyer):
        assert send(MailKind.REFUND_ASKED, request_in("approved").pk, buyer) is None


class TestAPayout:
    @pytest.fixture
    def payout(self, seller, now, run_jobs):
        made = make_payout(seller, now=now)
        approve_payout(payout_id=made.pk, actor_id=make_user("finance").pk, now=now)
        return made

    def test_is_told_of_when_it_is_asked_for(self, payout, seller, run_jobs):
        run_jobs()

        (message,) = mail.outbox
        assert (message.to, message.subject) == ([seller.email], "Payout of ₹250.00 requested")
        assert str(payout.pk) in message.body

    def test_is_told_of_when_it_is_paid_with_the_banks_reference(
        self, payout, seller, now, run_jobs
    ):
        make_batch(payout_ids=[payout.pk], actor_id=None, now=now)
        answer = Answer(line=1, name=str(payout.pk), status="paid", utr="432112345678")
        apply_answers([answer], actor_id=None, now=now)

        run_jobs()

        (_asked, paid) = mail.outbox
        assert (paid.to, paid.subject) == ([seller.email], "Payout of ₹250.00 paid")
        assert "432112345678" in paid.body

    def test_is_told_of_when_it_is_rejected_and_why(self, payout, seller, now, run_jobs):
        reject_payout(
            payout_id=payout.pk, why="No such UPI id.", actor_id=make_user("finance2").pk, now=now
        )

        run_jobs()

        (_asked, rejected) = mail.outbox
        assert (rejected.to, rejected.subject) == ([seller.email], "Payout of ₹250.00 not made")
        assert "No such UPI id." in rejected.body


class TestEveryMail:
    def test_has_the_same_id_when_it_is_sent_again(self, payment, buyer, settings):
        settings.DEFAULT_FROM_EMAIL = "NoteVault <shop@notes.example>"

        first = send(MailKind.RECEIPT, payment.order_id, buyer)
        again = send(MailKind.RECEIPT, payment.order_id, buyer)

        expected = f"<receipt.{payment.order_id.hex}.{buyer.pk.hex}@notes.example>"
        assert first.message()["Message-ID"] == again.message()["Message-ID"] == expected
        assert first.body == again.body

    def test_of_another_kind_or_to_another_person_has_another_id(self, payment, buyer, seller):
        ids = {
            sending.message_id(kind, payment.order_id, person.pk)
            for kind in (MailKind.RECEIPT, MailKind.SALE)
            for person in (buyer, seller)
        }

        assert len(ids) == 4

    def test_is_not_sent_to_somebody_who_has_left(self, payment, buyer):
        User.objects.filter(pk=buyer.pk).update(is_active=False)

        assert send(MailKind.RECEIPT, payment.order_id, buyer) is None
        mails.send(kind=MailKind.SALE, subject_id=payment.order_id, recipient_id=uuid4())
        assert mail.outbox == []

    def test_runs_no_markup_of_a_title_or_a_name(self, payment, buyer):
        OrderItem.objects.update(title="<img src=x onerror=alert(1)>")
        User.objects.filter(pk=buyer.pk).update(name="<script>x</script>")

        message = send(MailKind.RECEIPT, payment.order_id, buyer)

        assert "<img" not in html_of(message)
        assert "<script" not in html_of(message)
        assert "&lt;img src=x onerror=alert(1)&gt;" in html_of(message)
        assert "<img src=x onerror=alert(1)>: ₹99.00" in message.body

    def test_takes_no_header_from_a_name_or_a_subject(self, buyer):
        letter = mails.letters.Letter(subject="Hello\r\nBcc: all@x.example", paragraphs=["x"])
        buyer.name = "Eve\r\nBcc: all@x.example"

        message = sending.compose(letter, to=buyer, message_id="<x@y.example>").message()

        assert message["Subject"] == "Hello Bcc: all@x.example"
        assert message["Bcc"] is None

    def test_says_that_a_machine_wrote_it(self, payment, buyer):
        message = send(MailKind.RECEIPT, payment.order_id, buyer)

        assert message.message()["Auto-Submitted"] == "auto-generated"


class TestAServerThatIsAway:
    @pytest.fixture
    def broken(self, monkeypatch):
        return lambda error: monkeypatch.setattr(EmailBackend, "send_messages", raiser(error))

    @pytest.mark.parametrize(
        "error",
        [
            ConnectionRefusedError(),
            TimeoutError(),
            smtplib.SMTPServerDisconnected("gone"),
            smtplib.SMTPAuthenticationError(535, b"no"),
            smtplib.SMTPRecipientsRefused({}),
        ],
    )
    def test_is_asked_again_later(self, run_jobs, sold, monkeypatch, error):
        with monkeypatch.context() as patch:
            patch.setattr(EmailBackend, "send_messages", raiser(error))
            assert run_mails(run_jobs) == [SALE]
            assert mail.outbox == []

        assert run_mails(run_jobs) == [SEND, SEND]

        assert len(mail.outbox) == 2

    def test_is_left_alone_for_a_while_when_it_keeps_failing(self, payment, buyer, broken):
        broken(TimeoutError())
        for _ in range(5):
            with pytest.raises(mails.MailNotSent, match="TimeoutError"):
                send(MailKind.RECEIPT, payment.order_id, buyer)

        with pytest.raises(mails.MailNotSent, match="left alone for"):
            send(MailKind.RECEIPT, payment.order_id, buyer)

    def test_that_refuses_addresses_is_not_taken_for_dead(self, payment, buyer, broken):
        broken(smtplib.SMTPRecipientsRefused({}))

        for _ in range(8):
            with pytest.raises(mails.MailNotSent, match="the recipient was refused"):
                send(MailKind.RECEIPT, payment.order_id, buyer)

    def test_for_a_day_leaves_a_dead_letter(self, sold, run_jobs, broken):
        broken(TimeoutError())
        run_jobs()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE procrastinate_jobs SET attempts = 139 WHERE task_name = %s", [SEND]
            )

        run_jobs()

        letters = DeadLetter.objects.filter(task=SEND)
        assert {letter.arguments["kind"] for letter in letters} == {"receipt", "sale"}
        assert all(letter.attempts >= 140 for letter in letters)


class TestCost:
    def test_of_the_hook_of_a_sale_is_one_query(self, now, django_assert_num_queries):
        with django_assert_num_queries(1):
            mails.tell_of_sale(order_id=uuid4())
