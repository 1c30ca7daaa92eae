"""The dead letters, and what staff do with them: one, those selected, or all that match."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from unfold.decorators import action

from notevault.kit import clock
from ops import bulk, jobs
from ops.admin.pages import HistoryInline, ReadOnlyAdmin, ReadOnlyRows, ReasonForm, staff_id
from ops.models import DeadLetter, DeadLetterMove, FailedRun
from ops.selection import Selection
from ops.states import LetterState

# Of many, a page names so many.
NAMED = 20
CONDITIONS = ("state", "kind", "task", "fingerprint")
DONE = {"replay": "put back into the queue", "discard": "discarded"}
ABOUT = {
    "replay": "The job runs once more; the letter ends resolved, or open again.",
    "discard": "The job is given up for good.",
}


class LetterHistory(HistoryInline):
    model = DeadLetterMove


class LetterRuns(ReadOnlyRows):
    model = FailedRun
    fields = ("at", "job_id", "run", "ms", "error")
    readonly_fields = fields
    ordering = ("-at", "-run")
    verbose_name_plural = "Attempts that failed"


class Condition(admin.SimpleListFilter):
    """One of a selection's conditions; its choices are known without asking the table."""

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        conditions: dict[str, Any] = {str(self.parameter_name): self.value() or ""}
        return rows.filter(*Selection(**conditions).conditions())


class OfState(Condition):
    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, page: Any) -> list[tuple[str, str]]:
        return [(str(state.value), str(state.label)) for state in LetterState]


class OfKind(Condition):
    title, parameter_name = "kind", "kind"

    def lookups(self, request: HttpRequest, page: Any) -> list[tuple[str, str]]:
        kinds = {task.kind for task in jobs.declared.values()}
        return [(kind, kind) for kind in sorted(kinds)]


class OfTask(Condition):
    title, parameter_name = "task", "task"

    def lookups(self, request: HttpRequest, page: Any) -> list[tuple[str, str]]:
        return [(task, task) for task in sorted(jobs.declared)]


class OfFault(Condition):
    """Shown while one is chosen; the page of faults leads here."""

    title, parameter_name = "fingerprint", "fingerprint"

    def lookups(self, request: HttpRequest, page: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get("fingerprint", "")
        return [(chosen, chosen)] if chosen else []


def selected_by(request: HttpRequest) -> Selection:
    """The letters of the page's filters and its search."""
    given: dict[str, Any] = {name: request.GET.get(name, "") for name in CONDITIONS}
    return Selection(**given, search=request.GET.get("q", ""))


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("kind", "task", "error", "state", "attempts", "buried_at", "last_failed_at")
    list_filter = (OfState, OfKind, OfTask, OfFault)
    search_fields = ("id",)
    search_help_text = "The id of a letter, a request or a job, or a fingerprint."
    inlines = (LetterRuns, LetterHistory)
    ordering = ("-last_failed_at",)
    actions = ("replay", "discard")
    actions_list = ("faults",)
    actions_detail = ("replay_this", "discard_this")

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("ops.replay_deadletter")

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """No filter but those above: an action on all that match must know them all."""
        return lookup in CONDITIONS

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return queryset.filter(*Selection(search=search_term).conditions()), False

    @admin.action(description="Replay", permissions=["replay"])
    def replay(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        if _is_across(request):
            return self._leave_to_a_job(request, "replay")
        why = "replayed by staff"
        self.for_each(request, rows, _act_by(request, "replay", why), DONE["replay"])
        return None

    @admin.action(description="Discard…", permissions=["replay"])
    def discard(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        if _is_across(request):
            return self._leave_to_a_job(request, "discard")
        why = self.ask_why(
            request, rows, title="Discard", explanation="These jobs are given up for good."
        )
        if isinstance(why, HttpResponse):
            return why
        self.for_each(request, rows, _act_by(request, "discard", why), DONE["discard"])
        return None

    def _leave_to_a_job(self, request: HttpRequest, deed: bulk.Deed) -> HttpResponse:
        """All that match the filters, once a reason is given: however many, in no request."""
        selection = selected_by(request)
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            rows = selection.rows().order_by("-last_failed_at")[:NAMED]
            count = selection.rows().count()
            return self._ask(request, deed, form, rows=rows, count=count, action=deed)
        count = bulk.start(
            deed=deed,
            selection=selection,
            why=form.cleaned_data["why"],
            actor_id=staff_id(request),
            now=clock.now(),
        )
        self.message_user(
            request,
            f"{count} letters are being {DONE[deed]}, {bulk.PER_SECOND} a second; "
            "those that cannot be are left as they are.",
            messages.SUCCESS if count else messages.WARNING,
        )
        return HttpResponseRedirect(request.get_full_path())

    # The theme's decorators carry no types.
    @action(description="Replay…", url_path="replay", permissions=["replay"])  # type: ignore[untyped-decorator]
    def replay_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act_on_one(request, object_id, "replay")

    @action(description="Discard…", url_path="discard", permissions=["replay"])  # type: ignore[untyped-decorator]
    def discard_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act_on_one(request, object_id, "discard")

    def _act_on_one(self, request: HttpRequest, object_id: str, deed: bulk.Deed) -> HttpResponse:
        letter: DeadLetter | None = self.get_object(request, object_id)
        if letter is None:
            raise Http404
        form = ReasonForm(request.POST or None)
        if not form.is_valid():
            return self._ask(request, deed, form, rows=[letter])
        act = _act_by(request, deed, form.cleaned_data["why"])
        self.for_each(request, DeadLetter.objects.filter(pk=letter.pk), act, DONE[deed])
        return HttpResponseRedirect(reverse("admin:ops_deadletter_change", args=[letter.pk]))

    def _ask(
        self, request: HttpRequest, deed: bulk.Deed, form: ReasonForm, **page: Any
    ) -> HttpResponse:
        common = self.admin_site.each_context(request)
        about = {"title": deed.capitalize(), "explanation": ABOUT[deed], "form": form}
        return render(request, "admin/ops/letter_deed.html", {**common, **about, **page})

    @action(description="By fault", url_path="faults")  # type: ignore[untyped-decorator]
    def faults(self, request: HttpRequest) -> HttpResponse:
        """Thousands of letters of one fault, as one line."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        faults = Selection(state=LetterState.OPEN).faults()
        page = {
            **self.admin_site.each_context(request),
            "title": "Dead letters by fault",
            "faults": faults,
            "letters": sum(fault.letters for fault in faults),
            "list_url": reverse("admin:ops_deadletter_changelist"),
        }
        return render(request, "admin/ops/faults.html", page)


def _is_across(request: HttpRequest) -> bool:
    return request.POST.get("select_across") == "1"


def _act_by(request: HttpRequest, deed: bulk.Deed, why: str) -> Any:
    def act(row: DeadLetter) -> bool:
        return bulk.act(
            deed=deed, letter_id=row.pk, why=why, actor_id=staff_id(request), now=clock.now()
        )

    return act
