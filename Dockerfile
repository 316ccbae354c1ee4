# syntax=docker/dockerfile:1
# The platform's image: build tools stay in the build stage, and it runs as an unprivileged user.

FROM python:3.11-slim-bookworm AS build
# Your package index, if you need one.
ARG PIP_INDEX_URL
WORKDIR /srv/lms
RUN python -m venv --without-pip /opt/venv
# Dependencies first: they change less often than the code. pip rejects a package whose hash differs.
COPY requirements.lock .
RUN pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes -r requirements.lock
COPY app app
COPY otel otel
COPY stack/__init__.py stack/
COPY stack/canary stack/canary
RUN python -m compileall -q app otel stack

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Stegmaier LMS" \
      org.opencontainers.image.description="Learning platform with traces, metrics, logs and errors, and the telemetry canary"
RUN groupadd --gid 10001 lms && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin lms
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/lms /srv/lms
WORKDIR /srv/lms
USER 10001:10001
EXPOSE 8000
# slim has neither curl nor wget
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["python", "-m", "app"]
