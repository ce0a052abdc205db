import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('sessions_app', '0001_initial'), ('sessions_app', '0002_models_and_money'), ('sessions_app', '0003_review'), ('sessions_app', '0004_duplicate_decisions'), ('sessions_app', '0005_saved_views'), ('sessions_app', '0006_invitations_and_idempotency'), ('sessions_app', '0007_token_use')]

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('knox', '0009_extend_authtoken_field'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('action', models.CharField(db_index=True, max_length=60)),
                ('workspace_id', models.UUIDField(db_index=True, null=True)),
                ('user_id', models.CharField(blank=True, max_length=40)),
                ('user_name', models.CharField(blank=True, max_length=150)),
                ('object_type', models.CharField(max_length=40)),
                ('object_id', models.CharField(db_index=True, max_length=40)),
                ('object_name', models.CharField(blank=True, max_length=255)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('details', models.JSONField(default=dict)),
            ],
            options={
                'ordering': ['-at'],
            },
        ),
        migrations.CreateModel(
            name='TokenUse',
            fields=[
                ('token', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='use', serialize=False, to="knox.AuthToken")),
                ('last_used_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Workspace',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('slug', models.SlugField(max_length=60, unique=True)),
                ('monthly_budget', models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.CheckConstraint(condition=models.Q(('monthly_budget__isnull', True), ('monthly_budget__gte', 0), _connector='OR'), name='monthly_budget_is_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to='sessions_app.workspace')),
                ('number', models.PositiveIntegerField(editable=False)),
                ('site_name', models.CharField(max_length=200)),
                ('site_description', models.TextField(blank=True, max_length=5000)),
                ('stage', models.CharField(choices=[('setup', 'Setup'), ('upload', 'Upload'), ('processing', 'Processing'), ('review', 'Review'), ('validation', 'Validation'), ('export', 'Export'), ('completed', 'Completed'), ('archived', 'Archived')], default='setup', max_length=20)),
                ('llm_provider_choice', models.CharField(default='offline', max_length=40)),
                ('llm_model', models.CharField(blank=True, max_length=120)),
                ('temperature', models.DecimalField(blank=True, decimal_places=2, max_digits=3, null=True)),
                ('language', models.CharField(choices=[('en', 'English'), ('de', 'German'), ('fr', 'French'), ('es', 'Spanish'), ('it', 'Italian'), ('nl', 'Dutch'), ('pt', 'Portuguese'), ('pl', 'Polish'), ('cs', 'Czech'), ('sv', 'Swedish'), ('da', 'Danish'), ('fi', 'Finnish'), ('uk', 'Ukrainian'), ('ja', 'Japanese')], default='en', max_length=20)),
                ('prompt_version', models.CharField(blank=True, max_length=40)),
                ('fallbacks', models.JSONField(blank=True, default=list)),
                ('economy', models.BooleanField(default=False)),
                ('granularity', models.CharField(choices=[('row', 'One ticket per row'), ('parent', 'One ticket per parent')], default='row', max_length=10)),
                ('budget', models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True)),
                ('ticket_counter', models.PositiveIntegerField(default=0, editable=False)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('last_activity_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-last_activity_at'],
                'indexes': [models.Index(fields=['workspace', '-last_activity_at'], name='sessions_ap_workspa_d2877e_idx')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'number'), name='one_session_per_number_and_workspace'), models.CheckConstraint(condition=models.Q(('stage__in', ['setup', 'upload', 'processing', 'review', 'validation', 'export', 'completed', 'archived'])), name='session_stage_is_known'), models.CheckConstraint(condition=models.Q(('granularity__in', ['row', 'parent'])), name='session_granularity_is_known'), models.CheckConstraint(condition=models.Q(('temperature__isnull', True), models.Q(('temperature__gte', 0), ('temperature__lte', 2)), _connector='OR'), name='session_temperature_is_possible'), models.CheckConstraint(condition=models.Q(('budget__isnull', True), ('budget__gte', 0), _connector='OR'), name='session_budget_is_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Ticket',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tickets', to='sessions_app.session')),
                ('number', models.PositiveIntegerField()),
                ('key', models.CharField(max_length=240)),
                ('csv_type', models.CharField(max_length=40)),
                ('entity_group', models.CharField(max_length=40)),
                ('title', models.CharField(max_length=255)),
                ('user_story', models.TextField()),
                ('analysis', models.TextField()),
                ('verification', models.TextField()),
                ('facts', models.JSONField(default=list)),
                ('csv_source', models.JSONField(default=dict)),
                ('position', models.PositiveIntegerField(default=0)),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('exported', 'Exported')], default='draft', max_length=20)),
                ('version', models.PositiveIntegerField(default=1)),
                ('approved_version', models.PositiveIntegerField(blank=True, null=True)),
                ('approved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('rejection_reason', models.CharField(blank=True, max_length=500)),
                ('source_state', models.CharField(choices=[('current', 'As in the specification'), ('changed', 'Specification changed since'), ('removed', 'No longer in the specification')], default='current', max_length=10)),
                ('input_hash', models.CharField(blank=True, max_length=64)),
                ('provider', models.CharField(blank=True, max_length=40)),
                ('llm_model', models.CharField(blank=True, max_length=120)),
                ('prompt_version', models.CharField(blank=True, max_length=40)),
                ('fallback_reason', models.CharField(blank=True, max_length=300)),
                ('fact_marks', models.JSONField(blank=True, default=list)),
                ('generated_by_task', models.UUIDField(blank=True, db_index=True, null=True)),
                ('edited_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['position', 'number'],
                'indexes': [models.Index(fields=['session', 'position', 'number'], name='sessions_ap_session_95ae68_idx'), models.Index(fields=['session', 'entity_group', 'csv_type'], name='sessions_ap_session_b465d6_idx'), models.Index(fields=['session', 'status'], name='sessions_ap_session_e884e3_idx')],
                'constraints': [models.UniqueConstraint(fields=('session', 'key'), name='one_ticket_per_entity'), models.UniqueConstraint(fields=('session', 'number'), name='one_ticket_per_number'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'approved', 'rejected', 'exported'])), name='ticket_status_is_known'), models.CheckConstraint(condition=models.Q(('source_state__in', ['current', 'changed', 'removed'])), name='ticket_source_state_is_known'), models.CheckConstraint(condition=models.Q(('entity_group__in', ['Content', 'Media', 'Views', 'Migration', 'Workflow', 'User Roles', 'Custom'])), name='ticket_group_is_known'), models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='ticket_has_a_title')],
            },
        ),
        migrations.CreateModel(
            name='DuplicateDecision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='duplicate_decisions', to='sessions_app.session')),
                ('first', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='sessions_app.ticket')),
                ('second', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='sessions_app.ticket')),
                ('verdict', models.CharField(choices=[('kept', 'Two things'), ('merged', 'Merged')], max_length=10)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-created_at'],
                'constraints': [models.UniqueConstraint(fields=('first', 'second'), name='one_decision_per_pair'), models.CheckConstraint(condition=models.Q(('verdict__in', ['kept', 'merged'])), name='duplicate_verdict_is_known')],
            },
        ),
        migrations.CreateModel(
            name='TicketComment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='comments', to='sessions_app.ticket')),
                ('kind', models.CharField(choices=[('comment', 'Comment'), ('change_request', 'Request for changes')], default='comment', max_length=15)),
                ('text', models.TextField(max_length=5000)),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('author_name', models.CharField(max_length=150)),
                ('version', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['comment', 'change_request'])), name='comment_kind_is_known')],
            },
        ),
        migrations.CreateModel(
            name='TicketDependency',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_ticket', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='needs', to='sessions_app.ticket')),
                ('to_ticket', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='needed_by', to='sessions_app.ticket')),
                ('kind', models.CharField(choices=[('blocks', 'Must come first'), ('relates', 'Related')], default='blocks', max_length=10)),
                ('source', models.CharField(choices=[('reference', 'From the specification'), ('order', 'From the order of work'), ('person', 'Added by a person')], default='reference', max_length=10)),
                ('state', models.CharField(choices=[('active', 'Active'), ('proposed_cut', 'Proposed cut'), ('cut', 'Cut')], default='active', max_length=15)),
                ('rule', models.CharField(blank=True, max_length=10)),
            ],
            options={
                'verbose_name_plural': 'ticket dependencies',
                'constraints': [models.UniqueConstraint(fields=('from_ticket', 'to_ticket'), name='one_dependency_per_pair'), models.CheckConstraint(condition=models.Q(('from_ticket', models.F('to_ticket')), _negated=True), name='no_ticket_needs_itself'), models.CheckConstraint(condition=models.Q(('kind__in', ['blocks', 'relates'])), name='dependency_kind_is_known'), models.CheckConstraint(condition=models.Q(('source__in', ['reference', 'order', 'person'])), name='dependency_source_is_known'), models.CheckConstraint(condition=models.Q(('state__in', ['active', 'proposed_cut', 'cut'])), name='dependency_state_is_known')],
            },
        ),
        migrations.CreateModel(
            name='TicketRevision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisions', to='sessions_app.ticket')),
                ('version', models.PositiveIntegerField()),
                ('title', models.CharField(max_length=255)),
                ('user_story', models.TextField()),
                ('analysis', models.TextField()),
                ('verification', models.TextField()),
                ('editor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('author', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-version'],
                'constraints': [models.UniqueConstraint(fields=('ticket', 'version'), name='one_revision_per_version')],
            },
        ),
        migrations.CreateModel(
            name='UploadedFile',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='sessions_app.session')),
                ('filename', models.CharField(max_length=160)),
                ('csv_type', models.CharField(choices=[('bundles', 'Bundles'), ('fields', 'Fields'), ('view_modes', 'View modes'), ('menus', 'Menus'), ('image_styles', 'Image styles'), ('image_effects', 'Image effects'), ('responsive_image_styles', 'Responsive image styles'), ('views', 'Views'), ('view_displays', 'View displays'), ('migrations', 'Migrations'), ('migration_mappings', 'Migration mappings'), ('workflows', 'Workflows'), ('workflow_states', 'Workflow states'), ('workflow_transitions', 'Workflow transitions'), ('user_roles', 'User roles'), ('custom', 'Custom entitys')], max_length=40)),
                ('encoding', models.CharField(blank=True, max_length=40)),
                ('delimiter', models.CharField(blank=True, max_length=4)),
                ('header_line', models.PositiveIntegerField(default=1)),
                ('headers', models.JSONField(default=list)),
                ('mapping', models.JSONField(default=list)),
                ('exclusions', models.JSONField(default=dict)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.PositiveBigIntegerField(default=0)),
                ('validation_status', models.CharField(default='valid', max_length=20)),
                ('row_count', models.PositiveIntegerField(default=0)),
                ('entity_count', models.PositiveIntegerField(default=0)),
                ('dispositions', models.JSONField(default=dict)),
                ('findings', models.JSONField(default=list)),
                ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('uploaded_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['uploaded_at', 'filename'],
                'constraints': [models.UniqueConstraint(fields=('session', 'filename', 'csv_type'), name='one_file_per_name_and_type'), models.CheckConstraint(condition=models.Q(('validation_status__in', ['valid', 'warnings'])), name='file_validation_status_is_known')],
            },
        ),
        migrations.CreateModel(
            name='SourceRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='sessions_app.uploadedfile')),
                ('number', models.PositiveIntegerField()),
                ('line', models.PositiveIntegerField()),
                ('origin', models.CharField(blank=True, max_length=255)),
                ('data', models.JSONField(default=list)),
                ('row_hash', models.CharField(max_length=64)),
                ('disposition', models.CharField(max_length=10)),
                ('reason', models.CharField(blank=True, max_length=255)),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(fields=['file', 'number'], name='sessions_ap_file_id_2f0a32_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('disposition__in', ['used', 'folded', 'filtered', 'dropped'])), name='row_disposition_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='sessions_app.workspace')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('editor', 'Editor'), ('reviewer', 'Reviewer'), ('viewer', 'Viewer')], default='viewer', max_length=20)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'user'), name='one_membership_per_user_and_workspace'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'editor', 'reviewer', 'viewer'])), name='membership_role_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='sessions_app.workspace')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('editor', 'Editor'), ('reviewer', 'Reviewer'), ('viewer', 'Viewer')], max_length=20)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('used_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'editor', 'reviewer', 'viewer'])), name='invitation_role_is_known')],
            },
        ),
        migrations.CreateModel(
            name='ColumnMapping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='column_mappings', to='sessions_app.workspace')),
                ('header_signature', models.CharField(max_length=64)),
                ('csv_type', models.CharField(max_length=40)),
                ('mapping', models.JSONField(default=list)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'header_signature'), name='one_mapping_per_header_row')],
            },
        ),
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('key', models.CharField(max_length=200)),
                ('request_hash', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('body', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'key'), name='one_request_per_user_and_key')],
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to='sessions_app.session')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('name', models.CharField(max_length=60)),
                ('filters', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['created_at'],
                'constraints': [models.UniqueConstraint(fields=('session', 'user', 'name'), name='one_view_per_name_person_and_session')],
            },
        ),
        migrations.CreateModel(
            name='BulkChange',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bulk_changes', to='sessions_app.session')),
                ('verb', models.CharField(choices=[('approve', 'Approve'), ('reject', 'Reject'), ('reopen', 'Reopen')], max_length=10)),
                ('changes', models.JSONField(default=list)),
                ('skipped', models.JSONField(default=list)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('verb__in', ['approve', 'reject', 'reopen'])), name='bulk_verb_is_known')],
            },
        ),
    ]
