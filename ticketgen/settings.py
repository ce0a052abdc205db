"""All settings, read from the environment, top to bottom. A bare checkout runs on the defaults.

Names of variables and what they mean: docs/configuration.md. What production refuses: ``checks.py``.
"""

import base64
import secrets
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF

from .checks import refusals

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()  # type: ignore[no-untyped-call]
environ.Env.read_env(BASE_DIR / ".env")

VAR_DIR = Path(env.str("TICKETGEN_VAR_DIR", default=str(BASE_DIR / "var")))

# Development is a laptop; production refuses to start on anything unsafe (checks.py).
PRODUCTION = env.str("TICKETGEN_ENV", default="development") == "production"
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])


def _development_secret(name: str, text: str) -> str:
    """A random key per checkout, so that nobody ever signs with a key from a public repository."""
    path = VAR_DIR / name
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
    return path.read_text()


SECRET_KEY = env.str(
    "SECRET_KEY", default="" if PRODUCTION else _development_secret("secret_key", secrets.token_urlsafe(50))
)
# Encrypts keys of model providers in the database. The first encrypts, all decrypt: a new one goes in front.
_new_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
FIELD_ENCRYPTION_KEYS = env.list(
    "FIELD_ENCRYPTION_KEYS", default=[] if PRODUCTION else [_development_secret("field_encryption_key", _new_key)]
)

if PRODUCTION and (
    found := refusals(
        secret_key=SECRET_KEY, debug=DEBUG, allowed_hosts=ALLOWED_HOSTS, encryption_keys=FIELD_ENCRYPTION_KEYS
    )
):
    raise SystemExit(f"ticketgen does not start in production: {' '.join(found)} (See docs/configuration.md.)")

INSTALLED_APPS = [
    # Before their packages: own rqworker and rqcron commands, own admin site templates.
    "processing",
    "processing.enhancement",
    "processing.assessment",
    "sessions_app",
    "ticketgen",
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",  # urls.py discovers admins; workers and commands start faster
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    # Whatever is set up, so that all databases are alike.
    "sessions_app.apps.OutsideAccountsConfig",  # allauth.socialaccount
    "allauth.socialaccount.providers.atlassian",
    "allauth.socialaccount.providers.github",
    "allauth.usersessions",
    "channels",
    "csp",
    "django_htmx",
    "django_rq",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ticketgen.middleware.RequestIdMiddleware",
    "ticketgen.middleware.TraceMiddleware",
    "ticketgen.middleware.BodyLimitMiddleware",
    "ticketgen.middleware.NulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "sessions_app.views.middleware.AppErrorMiddleware",
]

ROOT_URLCONF = "ticketgen.urls"
ASGI_APPLICATION = "ticketgen.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["sessions_app.templatetags.ticketgen"],
        },
    },
]

# Database: SQLite in WAL mode for one machine, PostgreSQL for several.
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
DATABASES["default"]["TEST"] = (
    {"NAME": env.str("TEST_DATABASE_NAME", default="")} if env.str("TEST_DATABASE_NAME", default="") else {}
)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=30000;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    if most := env.int("DATABASE_POOL", default=0):  # serve.py
        DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": most, "timeout": 10}
    else:
        DATABASES["default"]["CONN_MAX_AGE"] = 60
if env.bool("DATABASE_IS_FOR_NOW", default=False):
    # Made from the models as they are (standalone.py); by way of the migrations that takes ten times as long.
    MIGRATION_MODULES = dict.fromkeys(["admin", "socialaccount", *(app.rpartition(".")[2] for app in INSTALLED_APPS)])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis: queue and messenger, never the truth.
REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
# For hints that may be lost: whose sockets have to be looked at (sessions_app/doors.py).
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_connect_timeout": 2}]},
    },
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "tg"}
}

# Queues. Arguments are JSON, never pickles; a job is enqueued when its transaction commits.
JOB_TIMEOUT = env.int("JOB_TIMEOUT", default=1800)
_QUEUE = {
    "URL": REDIS_URL,
    "DEFAULT_TIMEOUT": JOB_TIMEOUT,
    "DEFAULT_RESULT_TTL": env.int("KEEP_RESULT", default=3600),
    "SERIALIZER": "rq.serializers.JSONSerializer",
}
# For a look at what failed; RQ would keep it for a year, also of jobs that run every five seconds.
KEEP_FAILED = env.int("KEEP_FAILED", default=7 * 24 * 3600)
# In this order: a help-desk ticket is a short job that somebody waits for, a run of tickets a long one.
RQ_QUEUES = {"default": _QUEUE, "enhancement": _QUEUE, "llm": _QUEUE, "export": _QUEUE}
RQ = {"COMMIT_MODE": "on_db_commit"}
RQ_SHOW_ADMIN_LINK = False
# How far workers step back on a busy machine: whoever waits for a page or the answer to a webhook comes first.
WORKER_NICE = env.int("WORKER_NICE", default=10)
# What workers import before they fork, or each work-horse would: all that is enqueued, and all that runs by the clock.
RQ_JOB_MODULES = (
    "processing.assessment.generating",
    "processing.assessment.invest",
    "processing.assessment.judges.room",
    "processing.assessment.scoring",
    "processing.engine.jobs",
    "processing.enhancement.jobs",
    "processing.export.jobs",
    "processing.generation.jobs",
    "processing.rewriting.jobs",
    "processing.validation.jobs",
    "ticketgen.schedules",
)

# The engine (processing/engine). Seconds where nothing else is said.
ENGINE = {
    "LEASE": env.int("ENGINE_LEASE", default=90),
    "HEARTBEAT": env.int("ENGINE_HEARTBEAT", default=30),
    "SLICE": env.int("ENGINE_SLICE", default=60),
    "GRACE": env.int("ENGINE_GRACE", default=10),
    "CONCURRENCY": env.int("ENGINE_CONCURRENCY", default=32),
    "ATTEMPTS": env.int("ENGINE_ATTEMPTS", default=4),
    "BREAKER": env.int("ENGINE_BREAKER", default=5),
    "USER_RETRIES": env.int("ENGINE_USER_RETRIES", default=3),
    "RETRY_DELAY": env.float("RETRY_DELAY", default=2.0),
    "MAX_DRAINERS": env.int("MAX_DRAINERS", default=16),
    "BATCH_POLL": env.int("ENGINE_BATCH_POLL", default=25),
    "BATCH_ITEMS": env.int("ENGINE_BATCH_ITEMS", default=1_000),
    "BATCH_BYTES": env.int("ENGINE_BATCH_BYTES", default=50 * 1024 * 1024),
}

# Model providers: off until a key or an address is set.
LLM_PROVIDER_LABELS = {
    "offline": "Offline writer: by rule, without a model",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "compatible": "A server with OpenAI's protocol (Ollama, vLLM, LM Studio …)",
}
LLM_PROVIDERS: dict[str, dict[str, Any]] = {
    name: {
        "KEY": env.str(f"{name.upper()}_API_KEY", default=""),
        "BASE_URL": env.str(f"{name.upper()}_BASE_URL", default=""),
        "MODEL": env.str(f"{name.upper()}_MODEL", default=""),
        "CONCURRENCY": env.int(f"{name.upper()}_CONCURRENCY", default=0),
        "RPM": env.int(f"{name.upper()}_RPM", default=0),
        "TPM": env.int(f"{name.upper()}_TPM", default=0),
    }
    for name in ("openai", "anthropic", "compatible")
}

# Hosts of model servers in the own network that workspaces may enter; public ones need no mention.
LLM_ALLOWED_HOSTS = [host.lower() for host in env.list("LLM_ALLOWED_HOSTS", default=[])]

# Trackers (processing/export). Seconds where nothing else is said. Hosts that may be asked without https or in the own
# network; on a developer's machine that is the machine itself (`manage.py fake_tracker`).
TRACKER_ALLOWED_HOSTS = [
    host.lower() for host in env.list("TRACKER_ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1"])
]
EXPORT = {
    "TIMEOUT": env.float("EXPORT_TIMEOUT", default=30.0),
    "LOOKUP_SECONDS": env.float("EXPORT_LOOKUP_SECONDS", default=60.0),
    "LOOKUP_EVERY": env.float("EXPORT_LOOKUP_EVERY", default=5.0),
}

# Enhancement of help-desk tickets (processing/enhancement). Seconds; what is a number of things says so.
ENHANCEMENT = {
    "SOFT_LIMIT": env.float("ENHANCEMENT_SOFT_LIMIT", default=100.0),
    "HARD_LIMIT": env.int("ENHANCEMENT_HARD_LIMIT", default=120),
    "DEADLINE": env.float("ENHANCEMENT_DEADLINE", default=600.0),
    "RETRY_DELAY": env.float("ENHANCEMENT_RETRY_DELAY", default=2.0),
    "SLICE": env.float("ENHANCEMENT_SLICE", default=15.0),
    "SOURCE_LIMIT": env.float("ENHANCEMENT_SOURCE_LIMIT", default=10.0),
    "SYNTHESIS_LIMIT": env.float("ENHANCEMENT_SYNTHESIS_LIMIT", default=60.0),
    "CONCURRENCY": env.int("ENHANCEMENT_CONCURRENCY", default=16),  # tickets at once per worker
    "KEEP_DAYS": env.int("ENHANCEMENT_KEEP_DAYS", default=365),
}

# Comparative judgement (processing/assessment). A percentage and a ratio, as the seed names them; seconds without a
# result after which the monitor looks at a batch, and seconds that late results have once there are enough.
ASSESSMENT = {
    "COMPLETION_THRESHOLD_PCT": env.int("COMPLETION_THRESHOLD_PCT", default=80),
    "MIN_SUCCESS_RATE_THRESHOLD": env.float("MIN_SUCCESS_RATE_THRESHOLD", default=0.8),
    "TIMEOUT": env.int("ASSESSMENT_TIMEOUT", default=4 * 3600),
    "GRACE": env.int("ASSESSMENT_GRACE", default=600),
    "EVENT_DAYS": env.int("ASSESSMENT_EVENT_DAYS", default=30),
    "ANSWER_DAYS": env.int("ASSESSMENT_ANSWER_DAYS", default=365),
}

# Uploads: stated on the page, enforced before the body is read.
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=20 * 1024 * 1024)
UPLOAD_MAX_FILES = env.int("UPLOAD_MAX_FILES", default=50)
UPLOAD_MAX_REQUEST_BYTES = env.int("UPLOAD_MAX_REQUEST_BYTES", default=60 * 1024 * 1024)
REQUEST_MAX_BYTES = env.int("REQUEST_MAX_BYTES", default=2 * 1024 * 1024)
WEBHOOK_MAX_BYTES = env.int("WEBHOOK_MAX_BYTES", default=256 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_MAX_BYTES
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = UPLOAD_MAX_FILES
# Days without activity until a session is removed, and for how many days its bundle is kept.
SESSION_DAYS = env.int("SESSION_DAYS", default=7)
BUNDLE_DAYS = env.int("BUNDLE_DAYS", default=90)
STAGING_SECONDS = env.int("STAGING_SECONDS", default=6 * 3600)
WORKSPACE_MAX_BYTES = env.int("WORKSPACE_MAX_BYTES", default=2 * 1024 * 1024 * 1024)

# How often, per hour: by one person, in one workspace (sessions_app/limits.py). 0 is no limit.
LIMITS = {
    "uploads": (env.int("UPLOADS_PER_USER", default=300), env.int("UPLOADS_PER_WORKSPACE", default=1_000)),
    "runs": (env.int("RUNS_PER_USER", default=120), env.int("RUNS_PER_WORKSPACE", default=400)),
    "questions": (env.int("QUESTIONS_PER_USER", default=600), env.int("QUESTIONS_PER_WORKSPACE", default=2_000)),
}
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", default=50)

MEDIA_ROOT = VAR_DIR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# People.
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "sessions:list"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "sessions_app.views.accounts.AccountAdapter"
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
MFA_ADAPTER = "processing.second_factor.MFAAdapter"
MFA_TOTP_ISSUER = "ticketgen"
MFA_TOTP_TOLERANCE = 1  # clocks of telephones go wrong by half a minute
MFA_ALLOW_UNVERIFIED_EMAIL = True  # administrators make accounts; nobody verifies addresses
MFA_RECOVERY_CODES_SHOW_ONCE = True
ALLOW_SIGNUP = env.bool("ALLOW_SIGNUP", default=False)

# Signing in by accounts at GitHub and Atlassian (sessions_app/sso.py): each is off until its id and its secret are set.
SSO_CREDENTIALS = {
    "GITHUB": (env.str("GITHUB_CLIENT_ID", default=""), env.str("GITHUB_CLIENT_SECRET", default="")),
    "ATLASSIAN": (env.str("ATLASSIAN_CLIENT_ID", default=""), env.str("ATLASSIAN_CLIENT_SECRET", default="")),
}
SSO_SIGN_IN_BY_EMAIL = env.bool("SSO_SIGN_IN_BY_EMAIL", default=False)
SSO_ALLOWED_DOMAINS = [name.strip().lstrip("@").lower() for name in env.list("SSO_ALLOWED_DOMAINS", default=[])]
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {
    name.lower(): {"APPS": [{"client_id": client_id, "secret": secret}] if client_id and secret else []}
    for name, (client_id, secret) in SSO_CREDENTIALS.items()
}
SOCIALACCOUNT_PROVIDERS["github"] |= {"provider_class": "sessions_app.views.sso.GitHub", "OAUTH_PKCE_ENABLED": True}
SOCIALACCOUNT_PROVIDERS["atlassian"] |= {"provider_class": "sessions_app.views.sso.Atlassian"}
if github_url := env.str("GITHUB_URL", default=""):  # GitHub Enterprise
    SOCIALACCOUNT_PROVIDERS["github"]["GITHUB_URL"] = github_url
SOCIALACCOUNT_ADAPTER = "sessions_app.sso.SocialAccountAdapter"
SOCIALACCOUNT_QUERY_EMAIL = True
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True  # who connects an account, or takes it away, shows the password again
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
SOCIALACCOUNT_STORE_TOKENS = False
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "sessions_app.views.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics$"]
SECURE_REFERRER_POLICY = "same-origin"
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1  # limits of sign-ins, and where one is signed in, go by X-Forwarded-For

CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/admin/", "/django-rq/", "/api/docs/"],
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"

# Mail goes to the terminal until a server is named.
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))

# Who hears of errors that only an administrator can mend (processing/notices.py): mail to these, or to the superusers;
# and a POST to this address. Its host has to be public and https, unless it is among the allowed ones.
NOTIFY_EMAILS = env.list("NOTIFY_EMAILS", default=[])
NOTIFY_WEBHOOK = env.str("NOTIFY_WEBHOOK", default="")
NOTIFY_ALLOWED_HOSTS = [host.lower() for host in env.list("NOTIFY_ALLOWED_HOSTS", default=[])]

# API.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "sessions_app.api.authentication.BearerAuthentication",
        "sessions_app.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "sessions_app.api.negotiation.AlwaysJson",
    "DEFAULT_PARSER_CLASSES": ["sessions_app.api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "sessions_app.api.schema.ApiSchema",
    "DEFAULT_PAGINATION_CLASS": "sessions_app.api.pagination.Pages",
    "PAGE_SIZE": 50,
    "URL_FORMAT_OVERRIDE": None,  # "format" chooses an export format here
    "EXCEPTION_HANDLER": "sessions_app.api.problems.as_problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "tg_"}
API_TOKEN_DAYS = env.int("API_TOKEN_DAYS", default=90)
SPECTACULAR_SETTINGS = {
    "TITLE": "ticketgen",
    "DESCRIPTION": """Turns a Drupal specification into an ordered backlog of tickets.

* Sign in with a token from the page “API tokens”: `Authorization: Bearer tg_…`.
* Lists come in pages: `page`, `page_size` (50, at most 500); an answer has `count`, `next`, `previous`, `results`.
* Errors are `application/problem+json`: `code` is for programs, `detail` for people; `request_id` stands in our log,
  and in the header `X-Request-Id` of every answer; `recovery_actions` say what to do.
* A POST with an `Idempotency-Key` of yours is done once, however often it is sent within a day.
* What takes long (runs, validations, exports) answers 202 at once; ask for its status until it is done.""",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AttemptOutcomeEnum": "processing.enhancement.models.EnhancementAttempt.Outcome",
        "BulkActionEnum": "sessions_app.models.BulkChange.Verb",
        "DependencyKindEnum": "sessions_app.models.TicketDependency.Kind",
        "DependencySourceEnum": "sessions_app.models.TicketDependency.Source",
        "DependencyStateEnum": "sessions_app.models.TicketDependency.State",
        "EnhancementOriginEnum": "processing.enhancement.models.history.Origin",
        "EnhancementStatusEnum": "processing.enhancement.models.history.Status",
        "ErrorSeverityEnum": "processing.models.SessionError.Severity",
        "LibraryKindEnum": "processing.enhancement.models.LibraryImport.Kind",
        "SessionStageEnum": "sessions_app.models.Session.Stage",
        "SuggestedFieldEnum": "processing.enhancement.models.Suggestion.Field",
        "TicketStatusEnum": "sessions_app.models.tickets.Status",
        "TicketSectionEnum": "sessions_app.models.tickets.TEXT_FIELDS",
        "WriteBackStatusEnum": "processing.enhancement.models.desk.WriteBack.Status",
    },
}

# Figures for Prometheus at /metrics: with this token; without one, only from this machine. So many workspaces and
# models are told apart by name, all further ones are "other".
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS_TENANTS = env.int("METRICS_TENANTS", default=50)
METRICS_MODELS = env.int("METRICS_MODELS", default=50)

# Errors to Sentry and traces to an OpenTelemetry collector: off until they have an address. Their packages are those of
# requirements-observability.txt.
SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="production" if PRODUCTION else "development")
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
OTEL_EXPORTER_OTLP_HEADERS = env.dict("OTEL_EXPORTER_OTLP_HEADERS", default={})
OTEL_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", default="ticketgen")

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

UNFOLD = {"SITE_TITLE": "ticketgen", "SITE_HEADER": "ticketgen workshop", "SITE_URL": "/", "SHOW_HISTORY": True}

SILENCED_SYSTEM_CHECKS: list[str] = []

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "ticketgen.logging.ContextFilter"}},
    "formatters": {
        "line": {"()": "ticketgen.logging.LineFormatter"},
        "json": {"()": "ticketgen.logging.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["context"],
            "formatter": "json" if env.bool("LOG_JSON", default=PRODUCTION) else "line",
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.channels.server": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        # A traceback each second while Redis is away; the hub says so in a line.
        "channels_redis": {"level": "CRITICAL"},
        "httpx": {"level": "WARNING"},  # a line for each call of a model
        "httpx2": {"level": "WARNING"},
        "rq": {"level": "WARNING"},
    },
}
