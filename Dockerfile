# One image for web, workers and schedules; which of them it is, the command says.
FROM python:3.11-slim AS packages
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 ticketgen && mkdir /data && chown ticketgen /data
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TICKETGEN_ENV=production TICKETGEN_VAR_DIR=/data
WORKDIR /app
COPY --from=packages /venv /venv
COPY manage.py ./
COPY ticketgen ticketgen
COPY processing processing
COPY sessions_app sessions_app
COPY templates templates
USER ticketgen
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "ticketgen.serve", "-b", "0.0.0.0", "-p", "8000"]
