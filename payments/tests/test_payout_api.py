"""A seller's payouts at the API."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
import structlog

from notevault.accounts.tests.factories import make_user
from notevault.kit.tests.log_output import log_output
from notevault.kit.tests.problem_details import problem_of, refusal_of
from payments import payouts
from payments.ledger.balances import balances_of
from payments.models import Payout
from payments.tests.factories import BANK, earn, make_payout

pytestmark = pytest.mark.django_db

PAYOUTS = "/api/v1/seller/payouts"
NUMBER = "50100123454321"
ACCOUNT = {"holder_name": "Asha Rao", "account_number": NUMBER, "ifsc": "HDFC0001234"}
TO_UPI = {"amount_paise": 10_000, "upi_id": "asha.rao@okhdfcbank"}
TO_BANK = {"amount_paise": 10_000, "bank_account": ACCOUNT}


@pytest.fixture
def api(seller, client_of, now):
    earn(seller, 25_000, now=now)
    return client_of(seller)


def ask(api, body, **headers):
    return api.post(PAYOUTS, body, format="json", headers=headers)


class TestARequest:
    def test_to_a_upi_id_is_taken(self, api, seller):
        response = ask(api, TO_UPI)

        body = response.json()
        assert response.status_code == 201
        assert UUID(body.pop("id"))
        assert body.pop("created_at")
        assert body == {
            "state": "requested",
            "amount_paise": 10_000,
            "currency": "INR",
            "upi_id": "asha.rao@okhdfcbank",
            "bank_account": None,
            "utr": None,
            "refused_why": None,
            "paid_at": None,
        }
        assert balances_of(seller.pk) == {
            "seller_available": 15_000,
            "payouts_in_transit": 10_000,
        }

    def test_to_a_bank_account_is_taken_and_shows_its_last_digits_only(self, api):
        response = ask(api, TO_BANK)

        assert response.status_code == 201
        assert response.json()["upi_id"] is None
        assert response.json()["bank_account"] == {**ACCOUNT, "account_number": "XXXXXXXXXX4321"}
        assert Payout.objects.get().account_number == NUMBER

    def test_sent_twice_under_a_key_is_one_payout(self, api, seller):
        first = ask(api, TO_BANK, **{"Idempotency-Key": "one"})
        again = ask(api, TO_BANK, **{"Idempotency-Key": "one"})

        assert (again.status_code, again.content) == (201, first.content)
        assert Payout.objects.count() == 1
        assert balances_of(seller.pk)["payouts_in_transit"] == 10_000

    def test_of_more_than_is_available_says_how_much_is(self, api):
        response = ask(api, {**TO_UPI, "amount_paise": 25_001})

        problem = problem_of(response)
        assert (response.status_code, problem["code"]) == (409, "balance_too_low")
        assert problem["detail"] == "₹250.00 is available."
        assert problem["available_paise"] == 25_000
        assert not Payout.objects.exists()

    def test_of_too_little_is_refused(self, api):
        assert refusal_of(ask(api, {**TO_UPI, "amount_paise": 9_999})) == (422, "payout_too_small")

    def test_is_for_sellers_only(self, buyer, client_of):
        assert refusal_of(ask(client_of(buyer), TO_UPI)) == (403, "not_a_seller")
        assert refusal_of(client_of(buyer).get(PAYOUTS)) == (403, "not_a_seller")
        assert refusal_of(ask(client_of(None), TO_UPI)) == (401, "not_authenticated")

    @pytest.mark.parametrize(
        "body",
        [
            {"amount_paise": 10_000},
            {**TO_UPI, "bank_account": ACCOUNT},
            {**TO_UPI, "amount_paise": "10000"},
            {**TO_UPI, "amount_paise": 0},
            {**TO_UPI, "amount_paise": 10**30},
            {**TO_UPI, "upi_id": "asha.rao"},
            {**TO_UPI, "upi_id": "=cmd@bank"},
            {**TO_UPI, "upi_id": "asha@ba\nnk"},
            {**TO_BANK, "bank_account": {**ACCOUNT, "account_number": "12345678"}},
            {**TO_BANK, "bank_account": {**ACCOUNT, "account_number": "1" * 19}},
            {**TO_BANK, "bank_account": {**ACCOUNT, "account_number": "१२३४५६७८९"}},
            {**TO_BANK, "bank_account": {**ACCOUNT, "ifsc": "HDFC1001234"}},
            {**TO_BANK, "bank_account": {**ACCOUNT, "ifsc": "hdfc0001234"}},
            {**TO_BANK, "bank_account": {**ACCOUNT, "holder_name": "=HYPERLINK(1)"}},
            {**TO_BANK, "bank_account": {**ACCOUNT, "holder_name": ""}},
            {**TO_BANK, "bank_account": NUMBER},
        ],
        ids=str,
    )
    def test_that_makes_no_sense_is_refused(self, api, seller, body):
        assert refusal_of(ask(api, body)) == (400, "validation_failed")

        assert balances_of(seller.pk)["seller_available"] == 25_000
        assert not Payout.objects.exists()

    def test_leaves_no_account_number_in_the_log(self, api):
        structlog.contextvars.clear_contextvars()
        with log_output("DEBUG") as output:
            ask(api, TO_BANK)
            structlog.get_logger("notevault.tests").info("x", account_number=NUMBER)
            structlog.get_logger("notevault.tests").info(json.dumps(ACCOUNT))

        assert "payout.requested" in output.text
        assert NUMBER not in output.text


class TestTheList:
    def test_shows_the_balance_and_ones_own_payouts_the_newest_first(self, api, seller, now):
        first = make_payout(seller, now=now)
        second = make_payout(seller, now=now, to=BANK)
        make_payout(make_user("other", is_seller=True), now=now)

        body = api.get(PAYOUTS).json()

        assert [row["id"] for row in body["items"]] == [str(second.pk), str(first.pk)]
        assert body["items"][0]["bank_account"]["account_number"] == "XXXXXXXXXX4321"
        assert (body["available_paise"], body["in_transit_paise"]) == (25_000, 50_000)
        assert body["next_cursor"] is None
        assert NUMBER not in json.dumps(body)

    def test_is_walked_by_its_cursor(self, api, seller, now):
        made = {str(make_payout(seller, now=now).pk) for _ in range(3)}

        page = api.get(PAYOUTS, {"limit": 2}).json()
        rest = api.get(PAYOUTS, {"limit": 2, "cursor": page["next_cursor"]}).json()

        assert [len(page["items"]), len(rest["items"])] == [2, 1]
        assert {row["id"] for row in page["items"] + rest["items"]} == made

    def test_shows_a_negative_balance(self, api, seller, now):
        earn(seller, -27_000, now=now)

        assert api.get(PAYOUTS).json()["available_paise"] == -2_000

    def test_costs_as_many_queries_for_many_as_for_one(
        self, api, seller, now, django_assert_num_queries
    ):
        for _ in range(2):
            make_payout(seller, now=now)
            with django_assert_num_queries(3):
                api.get(PAYOUTS)


class TestOne:
    def test_is_shown_to_its_seller(self, api, seller, moderator, now):
        payout = make_payout(seller, now=now)
        payouts.reject_payout(
            payout_id=payout.pk, why="Not your account.", actor_id=moderator.pk, now=now
        )

        body = api.get(f"{PAYOUTS}/{payout.pk}").json()

        assert (body["state"], body["refused_why"]) == ("rejected", "Not your account.")

    def test_of_somebody_else_is_not_there(self, api, now):
        other = make_payout(make_user("other", is_seller=True), now=now)

        assert refusal_of(api.get(f"{PAYOUTS}/{other.pk}")) == (404, "not_found")
        assert refusal_of(api.get(f"{PAYOUTS}/{uuid4()}")) == (404, "not_found")
