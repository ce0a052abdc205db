"""Settings for tests: a folder, a Redis and a database of their own, and nothing slow that is not looked at."""

import atexit
import base64
import os
import shutil
import tempfile

from ticketgen.embedded_redis import free_port

VAR = tempfile.mkdtemp(prefix="ticketgen-tests-")
atexit.register(shutil.rmtree, VAR, ignore_errors=True)
os.environ.update(
    TICKETGEN_VAR_DIR=VAR,
    REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
    SECRET_KEY="only-for-tests-" + "x" * 40,
    FIELD_ENCRYPTION_KEYS=base64.urlsafe_b64encode(b"only-for-tests!!" * 2).decode(),
    LOG_LEVEL="WARNING",
    ENGINE_HEARTBEAT="1",
    ENGINE_LEASE="3",
    RETRY_DELAY="0.05",
)

from ticketgen.settings import *  # noqa: E402, F403
from ticketgen.settings import DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
    DATABASES["default"]["CONN_MAX_AGE"] = 0
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
ACCOUNT_RATE_LIMITS: dict[str, str] = {}
LIMITS = {"uploads": (0, 0), "runs": (0, 0), "questions": (0, 0)}
