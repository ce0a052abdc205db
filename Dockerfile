# One image for web, workers and schedules; which of them it is, the command says. It writes to /data and /tmp only.
FROM python:3.11-slim AS packages
WORKDIR /app
# requirements-observability.txt has what Sentry and OpenTelemetry need besides.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt .
COPY requirements-observability.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r "$REQUIREMENTS"

FROM packages AS static
ENV PATH=/venv/bin:$PATH TICKETGEN_VAR_DIR=/var/build
COPY manage.py ./
COPY ticketgen ticketgen
COPY processing processing
COPY sessions_app sessions_app
COPY templates templates
RUN python manage.py collectstatic --noinput --verbosity 0

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 ticketgen && mkdir /data && chown ticketgen /data
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TICKETGEN_ENV=production TICKETGEN_VAR_DIR=/data \
    STATIC_ROOT=/app/static
WORKDIR /app
COPY --from=packages /venv /venv
COPY --from=static /var/build/static static
COPY manage.py ./
COPY ticketgen ticketgen
COPY processing processing
COPY sessions_app sessions_app
COPY templates templates
RUN python -m compileall -q ticketgen processing sessions_app
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "ticketgen.serve", "-b", "0.0.0.0", "-p", "8000"]
