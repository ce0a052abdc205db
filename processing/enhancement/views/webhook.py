"""``POST /webhook/servicedesk``: a help desk tells of a ticket. Answered at once; the work is done by workers."""

from __future__ import annotations

from processing.enhancement.models.history import Origin
from processing.enhancement.payload import InvalidJob
from processing.enhancement.service import EnhancementService, JobRefused, record_invalid
from processing.models.webhooks import Purpose
from processing.webhooks import Answer, Delivery, WebhookInvalid, webhook


@webhook(Purpose.SERVICEDESK)
def servicedesk(delivery: Delivery) -> Answer:
    """202 with the run's id; 422 for what is no job, which is recorded as failed with its reason."""
    try:
        data = delivery.json()
    except WebhookInvalid as error:
        invalid = InvalidJob([{"field": "payload", "message": error.message}])
        failed = record_invalid(delivery.workspace, delivery.body, invalid, Origin.WEBHOOK)
        return _refused(JobRefused(invalid, failed))
    try:
        run, is_new = EnhancementService().accept(delivery.workspace, data, Origin.WEBHOOK)
    except JobRefused as error:
        return _refused(error)
    body = {"status": "accepted", "job_id": run.job_id, "ticket_id": run.ticket_id, "enhancement_id": str(run.pk)}
    return Answer(202, body if is_new else {**body, "duplicate": True})


def _refused(error: JobRefused) -> Answer:
    """Not raised: the record of it has to stay."""
    return Answer(error.status, {"status": "refused", "code": error.code, "detail": error.message, **error.details})
