"""What runs by the clock (UTC). Read by ``manage.py rqcron``."""

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

cron.register(sweep, "default", interval=30, result_ttl=60)
cron.register(take_up_proposals, "default", interval=30, result_ttl=60)
cron.register(sweep_enhancements, "default", interval=30, result_ttl=60)
cron.register(notify_administrators, "default", interval=30, result_ttl=60)
cron.register(relay_outbox, "default", interval=5, result_ttl=30)
cron.register(relay_events_job, "default", interval=5, result_ttl=30)
cron.register(announce_rest, "default", interval=5, result_ttl=30)
cron.register(check_stuck_batches, "default", interval=60, result_ttl=120)
cron.register(wake_judges, "default", interval=30, result_ttl=60)
cron.register(fold_figures, "default", interval=60, result_ttl=120)
cron.register(prune_uploads, "default", interval=1800, result_ttl=60)
cron.register(cleanup_idempotency_keys, "default", interval=3600, result_ttl=60)
cron.register(prune_messages, "default", interval=3600, result_ttl=60)
cron.register(prune_deliveries, "default", interval=3600, result_ttl=60)
cron.register(cleanup_expired_sessions, "default", cron="0 8 * * *")
cron.register(prune_enhancements, "default", cron="15 8 * * *")
cron.register(prune_assessments, "default", cron="15 8 * * *")
cron.register(cleanup_bundles, "default", cron="15 8 * * *")
cron.register(cleanup_audit_logs, "default", cron="30 8 * * *")
cron.register(cleanup_expired_tokens, "default", cron="0 9 * * *")
