"""Two texts side by side, and four answers: left, right, tie, skip. By keys, or by buttons without JavaScript."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from processing.assessment import people
from processing.assessment.counting import Counted
from processing.assessment.models.comparisons import JudgeKind

from .assessments import batch_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def judge(request: HttpRequest, assessment_id: uuid.UUID) -> HttpResponse:
    """For those who may review. Nothing on the page says who wrote a text or what others chose."""
    batch = batch_or_404(request, assessment_id, needs="review")
    if request.method == "POST":
        mine = batch.comparison_pairs.filter(judge_kind=JudgeKind.PERSON)
        try:
            wanted = uuid.UUID(request.POST.get("pair", ""))
        except ValueError:
            wanted = uuid.UUID(int=0)
        pair = get_object_or_404(mine, pk=wanted)
        choice = request.POST.get("choice", "")
        if choice == "skip":
            people.skip(pair, request.user)
        elif choice not in people.CHOICES:
            messages.error(request, "Choose the left or the right text, a tie, or skip.")
        elif (
            people.judge(pair, request.user, choice, request.POST.get("reason", "").replace("\x00", ""))
            is not Counted.COUNTED
        ):
            messages.info(request, "Somebody else judged that pair in the meantime.")
        return redirect("assessments:judge", batch.pk)
    done = batch.comparison_pairs.filter(judged_by_id=request.user.pk).count()
    context = {
        "batch": batch,
        "pair": people.next_pair(batch, request.user),
        "waiting": people.waiting_for_people(batch),
        "done": done,
    }
    return render(request, "assessment/assessments/judge.html", context)
