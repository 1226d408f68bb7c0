# The gateway as a container: gunicorn on port 8088, as a user without rights. Its settings come from the environment.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --uid 10001 --create-home gateway
WORKDIR /srv/gateway

COPY requirements.txt .
RUN python -m pip install -qq --require-hashes -r requirements.txt

COPY . .
RUN python manage.py collectstatic --no-input --verbosity 0 \
    && mkdir media archive && chown gateway:gateway media archive

USER 10001
EXPOSE 8088
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT') or 8088}/healthz\", timeout=4)"]
CMD ["gunicorn", "gateway_project.wsgi"]
