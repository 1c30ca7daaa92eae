"""The staff groups: what each may see in admin, and that none may touch money."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management.sql import emit_post_migrate_signal
from django.test import Client
from django.urls import reverse

from notevault import staff
from notevault.accounts.models import User
from notevault.accounts.tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

PAGES = {
    "user": "accounts_user",
    "note": "notes_note",
    "category": "notes_category",
    "access": "notes_noteaccess",
    "order": "payments_order",
    "payment": "payments_payment",
    "refund": "payments_refund",
    "dispute": "payments_dispute",
    "request": "payments_refundrequest",
    "coupon": "payments_coupon",
    "webhook": "payments_webhookevent",
    "invoice": "payments_invoice",
    "payout": "payments_payout",
    "batch": "payments_payoutbatch",
    "run": "payments_reconciliationrun",
    "break": "payments_reconciliationbreak",
    "account": "payments_ledgeraccount",
    "transaction": "payments_ledgertransaction",
    "entry": "payments_ledgerentry",
    "proof": "payments_ledgerproof",
    "alert": "alerts_alert",
    "receiver": "alerts_receiver",
    "breaker": "ops_circuitbreaker",
    "letter": "ops_deadletter",
    "backup": "ops_backup",
    "group": "auth_group",
}
SALES = {"order", "payment", "refund", "request", "dispute", "webhook", "invoice"}
PAYOUTS = {"payout", "batch"}
NOTES = {"note", "category", "access"}
RECONCILIATION = {"run", "break"}
LEDGER = {"account", "transaction", "entry", "proof"}
CELLAR = {"breaker", "letter", "backup", "alert", "receiver"}
MAY_SEE = {
    "Support": {"user", "coupon", *SALES, *PAYOUTS, *NOTES},
    "Finance": {"coupon", *SALES, *PAYOUTS, *RECONCILIATION, *LEDGER, *CELLAR},
    "Moderator": NOTES,
    "Auditor": {
        "user",
        "coupon",
        *SALES,
        *PAYOUTS,
        *RECONCILIATION,
        *LEDGER,
        *NOTES,
        *CELLAR,
    },
}


def desk_of(user):
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def member_of(group):
    user = make_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def labels_of(group):
    rows = Group.objects.get(name=group).permissions.values_list(
        "content_type__app_label", "codename"
    )
    return {f"{app}.{codename}" for app, codename in rows}


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root@example.com", PASSWORD, name="Root")


class TestGroups:
    def test_are_these_four(self):
        assert (
            set(Group.objects.values_list("name", flat=True)) == set(staff.GROUPS) == set(MAY_SEE)
        )

    @pytest.mark.parametrize("group", staff.GROUPS)
    def test_have_every_permission_that_is_written_down(self, group):
        assert labels_of(group) == set(staff.GROUPS[group])

    def test_change_nothing_but_categories_coupons_and_what_use_cases_offer(self):
        given = set().union(*staff.GROUPS.values())
        verbs = {label for label in given if ".view_" not in label}

        assert verbs == {
            "notes.moderate_note",
            "notes.add_category",
            "notes.change_category",
            "notes.reset_downloads",
            "payments.decide_refund",
            "payments.resolve_quarantine",
            "payments.close_break",
            "payments.manage_payout",
            "payments.add_coupon",
            "payments.change_coupon",
            "ops.replay_deadletter",
            "ops.force_breaker",
            "alerts.handle_alert",
        }

    def test_may_see_the_history_of_what_they_see(self):
        for labels in staff.GROUPS.values():
            for model in ("note", "order", "payment", "refund", "dispute", "payout"):
                seen = [label for label in labels if label.endswith(f".view_{model}")]
                moves = [label for label in labels if label.endswith(f".view_{model}move")]
                assert len(seen) == len(moves)


class TestMigrate:
    def test_sets_right_what_was_changed_by_hand(self):
        finance = Group.objects.get(name="Finance")
        finance.permissions.set([Permission.objects.get(codename="delete_order")])
        Group.objects.get(name="Auditor").delete()

        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")

        assert labels_of("Finance") == set(staff.GROUPS["Finance"])
        assert labels_of("Auditor") == set(staff.GROUPS["Auditor"])

    def test_keeps_members_and_other_groups(self, moderator):
        Group.objects.create(name="Interns")

        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")

        assert [group.name for group in moderator.groups.all()] == ["Moderator"]
        assert Group.objects.filter(name="Interns").exists()
        assert Group.objects.count() == 5


class TestDesk:
    @pytest.mark.parametrize("group", MAY_SEE)
    def test_opens_what_the_group_may_see_and_nothing_else(self, group):
        desk = desk_of(member_of(group))

        seen = {
            name
            for name, page in PAGES.items()
            if desk.get(reverse(f"admin:{page}_changelist")).status_code == 200
        }

        assert seen == MAY_SEE[group]

    @pytest.mark.parametrize("group", MAY_SEE)
    def test_adds_nothing_but_a_moderator_s_category_and_finance_s_coupon(self, group):
        desk = desk_of(member_of(group))

        open_forms = {
            name
            for name, page in PAGES.items()
            if desk.get(reverse(f"admin:{page}_add")).status_code == 200
        }

        may_add = {"Moderator": {"category"}, "Finance": {"coupon"}}
        assert open_forms == may_add.get(group, set())

    @pytest.mark.parametrize("group", MAY_SEE)
    def test_deletes_nothing(self, group, note):
        desk = desk_of(member_of(group))
        rows = {
            "notes_note": note.pk,
            "notes_category": note.category_id,
            "accounts_user": note.seller_id,
        }

        for page, row in rows.items():
            url = reverse(f"admin:{page}_delete", args=[row])
            assert desk.post(url, {"post": "yes"}).status_code == 403
        for page in PAGES.values():
            action = {"action": "delete_selected", "_selected_action": [note.pk], "post": "yes"}
            desk.post(reverse(f"admin:{page}_changelist"), action)

        note.refresh_from_db()
        assert User.objects.filter(pk=note.seller_id).exists()

    def test_of_a_member_without_the_staff_flag_stays_shut(self):
        user = member_of("Auditor")
        user.is_staff = False
        user.save()

        answer = desk_of(user).get(reverse("admin:payments_order_changelist"))

        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


class TestRoot:
    """Even the superuser changes no row that only use cases may write."""

    READ_ONLY = (
        "note",
        "access",
        *sorted(SALES | PAYOUTS | RECONCILIATION | LEDGER),
        "alert",
        "receiver",
    )

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_adds_no_row_by_hand(self, root, name):
        url = reverse(f"admin:{PAGES[name]}_add")

        assert desk_of(root).get(url).status_code == 403
        assert desk_of(root).post(url, {}).status_code == 403

    def test_changes_and_deletes_no_note_by_hand(self, root, note):
        desk = desk_of(root)

        changed = desk.post(
            reverse("admin:notes_note_change", args=[note.pk]), {"state": "draft", "title": "x"}
        )
        deleted = desk.post(reverse("admin:notes_note_delete", args=[note.pk]), {"post": "yes"})

        before = note.title
        note.refresh_from_db()
        assert (changed.status_code, deleted.status_code) == (403, 403)
        assert (note.state, note.title) == ("published", before)

    def test_changes_no_order_by_hand(self, root, buyer, note, gateway, client_of):
        cart = {"note_ids": [str(note.pk)]}
        order = client_of(buyer).post("/api/v1/orders", cart, format="json").json()
        desk = desk_of(root)

        page = desk.get(reverse("admin:payments_order_change", args=[order["id"]]))
        changed = desk.post(
            reverse("admin:payments_order_change", args=[order["id"]]), {"state": "paid"}
        )
        deleted = desk.post(
            reverse("admin:payments_order_delete", args=[order["id"]]), {"post": "yes"}
        )

        after = client_of(buyer).get(f"/api/v1/orders/{order['id']}").json()
        assert (page.status_code, changed.status_code, deleted.status_code) == (200, 403, 403)
        assert after == order


class TestEveryList:
    """Whatever is registered, now or later."""

    @pytest.fixture
    def desk(self, root, note):
        return desk_of(root)

    MODELS = sorted(
        f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry
    )

    def test_is_tested_here(self):
        assert set(PAGES.values()) <= set(self.MODELS)

    @pytest.mark.parametrize("model", MODELS)
    def test_opens(self, desk, model):
        for query in ("", "?q=x", "?o=1", "?all="):
            answer = desk.get(reverse(f"admin:{model}_changelist") + query, follow=True)

            assert answer.status_code == 200

    @pytest.mark.parametrize("model", MODELS)
    def test_survives_a_strange_query(self, desk, model):
        for query in ("q=%00", "q=%ED%A0%80", "p=-1", "p=x", "o=99.-99.x", "no__exact=1", "e=1"):
            answer = desk.get(reverse(f"admin:{model}_changelist") + f"?{query}", follow=True)

            assert answer.status_code in {200, 400, 404}

    @pytest.mark.parametrize("model", MODELS)
    def test_survives_a_row_that_is_not_there(self, desk, model):
        for row in ("x", "%00", "5", "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9"):
            url = reverse(f"admin:{model}_changelist") + f"{row}/change/"

            assert desk.get(url, follow=True).status_code in {200, 404}
