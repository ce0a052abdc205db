"""What runs by the clock (UTC). Read by ``manage.py rqcron``."""

from functools import partial

from django.conf import settings
from rq import cron

from processing.assessment.delivery.relay import relay_events_job
from processing.assessment.monitor import check_stuck_batches, wake_judges
from processing.assessment.progress import announce_rest
from processing.assessment.retention import prune_assessments
from processing.engine.relay import relay_outbox
from processing.engine.sweep import sweep
from processing.enhancement.jobs import sweep_enhancements
from processing.enhancement.retention import prune_enhancements
from processing.notices import notify_administrators
from processing.retention import (
    cleanup_bundles,
    cleanup_expired_sessions,
    fold_figures,
    prune_deliveries,
    prune_messages,
)
from processing.rewriting.service import take_up_proposals
from sessions_app.retention import (
    cleanup_audit_logs,
    cleanup_expired_tokens,
    cleanup_idempotency_keys,
    prune_uploads,
)

register = partial(cron.register, queue_name="default", failure_ttl=settings.KEEP_FAILED)

register(sweep, interval=30, result_ttl=60)
register(take_up_proposals, interval=30, result_ttl=60)
register(sweep_enhancements, interval=30, result_ttl=60)
register(notify_administrators, interval=30, result_ttl=60)
register(relay_outbox, interval=5, result_ttl=30)
register(relay_events_job, interval=5, result_ttl=30)
register(announce_rest, interval=5, result_ttl=30)
register(check_stuck_batches, interval=60, result_ttl=120)
register(wake_judges, interval=30, result_ttl=60)
register(fold_figures, interval=60, result_ttl=120)
register(prune_uploads, interval=1800, result_ttl=60)
register(cleanup_idempotency_keys, interval=3600, result_ttl=60)
register(prune_messages, interval=3600, result_ttl=60)
register(prune_deliveries, interval=3600, result_ttl=60)
register(cleanup_expired_sessions, cron="0 8 * * *")
register(prune_enhancements, cron="15 8 * * *")
register(prune_assessments, cron="15 8 * * *")
register(cleanup_bundles, cron="15 8 * * *")
register(cleanup_audit_logs, cron="30 8 * * *")
register(cleanup_expired_tokens, cron="0 9 * * *")
