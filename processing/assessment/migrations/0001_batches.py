import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import processing.models.encrypted
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):


    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('sessions_app', '0001_squashed_0007_token_use'),
    ]

    operations = [
        migrations.CreateModel(
            name='AssessmentBatch',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assessments', to='sessions_app.workspace')),
                ('session', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='assessments', to='sessions_app.session')),
                ('kind', models.CharField(choices=[('ranking', 'Ranking'), ('ab', 'A/B comparison')], default='ranking', max_length=10)),
                ('source', models.CharField(choices=[('texts', 'Pasted or uploaded texts'), ('tickets', 'Tickets of a session'), ('api', 'API'), ('event', 'Request event')], default='texts', max_length=10)),
                ('title', models.CharField(max_length=200)),
                ('question', models.CharField(max_length=1000)),
                ('outside_id', models.CharField(blank=True, max_length=200)),
                ('event_correlation_id', models.UUIDField(default=uuid.uuid4)),
                ('state', models.CharField(choices=[('PENDING', 'Not started'), ('GENERATING_PAIRS', 'Choosing pairs'), ('WAITING_CALLBACKS', 'Being judged'), ('SCORING', 'Scoring'), ('COMPLETED', 'Completed'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], default='PENDING', max_length=20)),
                ('completion_mode', models.CharField(blank=True, choices=[('full', 'All results are in'), ('partial', 'Enough results, and no more waiting'), ('forced_recovery', 'Recovered when results stopped coming')], max_length=20)),
                ('partial_scoring_triggered', models.BooleanField(default=False)),
                ('is_finalising', models.BooleanField(default=False)),
                ('judges', models.JSONField(default=list)),
                ('both_orders', models.BooleanField(default=False)),
                ('adaptive', models.BooleanField(default=False)),
                ('overlap', models.FloatField(default=0.0, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)])),
                ('target_reliability', models.FloatField(blank=True, null=True)),
                ('item_count', models.PositiveIntegerField(default=0)),
                ('total_budget', models.PositiveIntegerField(default=0)),
                ('total_comparisons', models.PositiveIntegerField(default=0)),
                ('completed_comparisons', models.PositiveIntegerField(default=0)),
                ('failed_comparisons', models.PositiveIntegerField(default=0)),
                ('completion_threshold_pct', models.PositiveSmallIntegerField(default=80)),
                ('min_success_rate', models.FloatField(default=0.8)),
                ('grace_seconds', models.PositiveIntegerField(default=600)),
                ('timeout_seconds', models.PositiveIntegerField(default=14400)),
                ('deadline_at', models.DateTimeField(blank=True, null=True)),
                ('budget', models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True)),
                ('cost', models.DecimalField(decimal_places=6, default=0, max_digits=12)),
                ('hold_reason', models.CharField(blank=True, max_length=300)),
                ('equal_failures', models.PositiveSmallIntegerField(default=0)),
                ('last_failure_cause', models.CharField(blank=True, max_length=60)),
                ('chance_seed', models.PositiveIntegerField(default=0)),
                ('variants', models.JSONField(blank=True, default=list)),
                ('error_detail', models.JSONField(blank=True, default=dict)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'assessment batches',
                'ordering': ['-created_at'],
                'indexes': [models.Index(fields=['state', 'deadline_at'], name='assessment__state_627e30_idx'), models.Index(fields=['workspace', '-created_at'], name='assessment__workspa_7f2f91_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['PENDING', 'GENERATING_PAIRS', 'WAITING_CALLBACKS', 'SCORING', 'COMPLETED', 'FAILED', 'CANCELLED'])), name='assessment_state_is_known'), models.CheckConstraint(condition=models.Q(('completion_mode__in', ['', 'full', 'partial', 'forced_recovery'])), name='assessment_completion_mode_is_known'), models.CheckConstraint(condition=models.Q(('kind__in', ['ranking', 'ab'])), name='assessment_kind_is_known'), models.CheckConstraint(condition=models.Q(('source__in', ['texts', 'tickets', 'api', 'event'])), name='assessment_source_is_known'), models.CheckConstraint(condition=models.Q(('total_comparisons__gte', django.db.models.expressions.CombinedExpression(models.F('completed_comparisons'), '+', models.F('failed_comparisons')))), name='assessment_counts_within_total'), models.CheckConstraint(condition=models.Q(('completion_threshold_pct__gte', 1), ('completion_threshold_pct__lte', 100)), name='assessment_threshold_is_a_percentage'), models.CheckConstraint(condition=models.Q(('min_success_rate__gte', 0), ('min_success_rate__lte', 1)), name='assessment_success_rate_is_a_ratio'), models.UniqueConstraint(condition=models.Q(('outside_id', ''), _negated=True), fields=('workspace', 'outside_id'), name='one_assessment_per_outside_id')],
            },
        ),
        migrations.CreateModel(
            name='AssessedItem',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='assessment.assessmentbatch')),
                ('number', models.PositiveIntegerField()),
                ('outside_ref', models.CharField(max_length=240)),
                ('title', models.CharField(blank=True, max_length=255)),
                ('text_content', models.TextField()),
                ('ticket', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='assessed', to='sessions_app.ticket')),
                ('ticket_version', models.PositiveIntegerField(blank=True, null=True)),
                ('writer', models.CharField(blank=True, max_length=170)),
                ('variant', models.CharField(blank=True, max_length=1)),
                ('pair_key', models.CharField(blank=True, max_length=240)),
                ('anchor_score', models.FloatField(blank=True, null=True)),
            ],
            options={
                'ordering': ['number'],
                'constraints': [models.UniqueConstraint(fields=('batch', 'number'), name='one_item_per_number_of_assessment'), models.UniqueConstraint(fields=('batch', 'outside_ref'), name='one_item_per_reference_of_assessment')],
            },
        ),
        migrations.CreateModel(
            name='AssessmentEvent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='assessment.assessmentbatch')),
                ('event_type', models.CharField(max_length=60)),
                ('is_terminal', models.BooleanField(default=False)),
                ('payload', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('relayed_at', models.DateTimeField(blank=True, db_index=True, null=True)),
            ],
            options={
                'ordering': ['created_at'],
                'constraints': [models.UniqueConstraint(fields=('batch', 'event_type'), name='one_event_of_a_type_per_assessment'), models.UniqueConstraint(condition=models.Q(('is_terminal', True)), fields=('batch',), name='one_last_event_per_assessment')],
            },
        ),
        migrations.CreateModel(
            name='ComparisonPair',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='comparison_pairs', to='assessment.assessmentbatch')),
                ('essay_a', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='assessment.assesseditem')),
                ('essay_b', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='assessment.assesseditem')),
                ('request_correlation_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('position', models.PositiveIntegerField()),
                ('round', models.PositiveSmallIntegerField(default=1)),
                ('is_held_out', models.BooleanField(default=False)),
                ('judge_kind', models.CharField(choices=[('model', 'Model'), ('outside', 'Outside judge'), ('person', 'Person')], max_length=10)),
                ('judge_place', models.PositiveSmallIntegerField(default=0)),
                ('judge', models.CharField(blank=True, max_length=170)),
                ('judged_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('winner', models.CharField(blank=True, choices=[('essay_a', 'First'), ('essay_b', 'Second'), ('tie', 'Tie'), ('error', 'No result')], max_length=10)),
                ('completed_at', models.DateTimeField(blank=True, null=True)),
                ('confidence', models.FloatField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('votes', models.JSONField(blank=True, default=list)),
                ('error_code', models.CharField(blank=True, max_length=60)),
                ('error_detail', models.JSONField(blank=True, default=dict)),
                ('lease_owner', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('attempts_left', models.PositiveSmallIntegerField(default=4)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['position'],
                'indexes': [models.Index(fields=['batch', 'judge_kind', 'completed_at', 'position'], name='pairs_waiting_for_a_judge'), models.Index(fields=['batch', 'completed_at'], name='pairs_by_result')],
                'constraints': [models.CheckConstraint(condition=models.Q(('essay_a', models.F('essay_b')), _negated=True), name='comparison_is_of_two_texts'), models.CheckConstraint(condition=models.Q(('winner__in', ['', 'essay_a', 'essay_b', 'tie', 'error'])), name='comparison_winner_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('completed_at__isnull', True), ('winner', '')), models.Q(models.Q(('winner', ''), _negated=True), ('completed_at__isnull', False)), _connector='OR'), name='comparison_has_a_result_once_it_is_completed'), models.CheckConstraint(condition=models.Q(('judge_kind__in', ['model', 'outside', 'person'])), name='judge_kind_is_known'), models.UniqueConstraint(fields=('batch', 'essay_a', 'essay_b', 'judge_place'), name='one_comparison_per_pair_and_judge')],
            },
        ),
        migrations.CreateModel(
            name='WebhookTarget',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assessment_targets', to='sessions_app.workspace')),
                ('url', models.URLField(max_length=300)),
                ('secret', processing.models.encrypted.EncryptedTextField()),
                ('hint', models.CharField(max_length=4)),
                ('is_active', models.BooleanField(default=True)),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['made_at'],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'url'), name='one_target_per_address')],
            },
        ),
        migrations.CreateModel(
            name='EventDelivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='assessment.assessmentevent')),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='assessment.webhooktarget')),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField()),
                ('status_code', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name_plural': 'event deliveries',
                'ordering': ['-created_at'],
                'indexes': [models.Index(fields=['state', 'next_at'], name='assessment__state_a57d3d_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'delivered', 'failed'])), name='event_delivery_state_is_known'), models.UniqueConstraint(fields=('event', 'target'), name='one_delivery_per_event_and_target')],
            },
        ),
        migrations.CreateModel(
            name='PairSkip',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pair', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='skips', to='assessment.comparisonpair')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('pair', 'user'), name='one_skip_per_pair_and_person')],
            },
        ),
        migrations.CreateModel(
            name='RubricScore',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('ticket', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='invest', to='sessions_app.ticket')),
                ('ticket_version', models.PositiveIntegerField()),
                ('criteria', models.JSONField()),
                ('total', models.FloatField()),
                ('provider', models.CharField(max_length=40)),
                ('llm_model', models.CharField(blank=True, max_length=120)),
                ('scored_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['-total'],
                'constraints': [models.CheckConstraint(condition=models.Q(('total__gte', 1), ('total__lte', 5)), name='invest_total_is_within_1_and_5')],
            },
        ),
        migrations.CreateModel(
            name='ScoringRun',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scoring_runs', to='assessment.assessmentbatch')),
                ('kind', models.CharField(choices=[('provisional', 'Provisional'), ('final', 'Final')], max_length=12)),
                ('comparisons', models.PositiveIntegerField()),
                ('rankings', models.JSONField(default=list)),
                ('panel', models.JSONField(default=dict)),
                ('disagreements', models.JSONField(default=list)),
                ('duration_ms', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['provisional', 'final'])), name='scoring_kind_is_known'), models.UniqueConstraint(fields=('batch', 'kind'), name='one_scoring_of_a_kind_per_assessment')],
            },
        ),
    ]
