# One image for each job: docker build --target backup .
# Each image has only its own job's code and dependencies, which are pinned by hash.

# The digest covers all platforms. To update it: docker buildx imagetools inspect python:3.11-slim-bookworm
ARG BASE=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ONLY_BINARY=:all: \
    PIP_REQUIRE_HASHES=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# The code, installed from a wheel and split into the shared part and one part for each job.
FROM builder AS code
COPY requirements/jobs/build.lock ./
RUN python -m pip install -r build.lock
COPY pyproject.toml README.md ./
COPY shared ./shared
COPY console ./console
COPY jobs ./jobs
COPY litekeep ./litekeep
RUN PIP_REQUIRE_HASHES=0 python -m pip install --no-deps --no-build-isolation --target /app . \
    && mv /app/console /app/jobs /app/litekeep / && rm -r /app/bin \
    && mkdir /app/jobs && mv /jobs/__init__.py /app/jobs/

FROM builder AS backup-dependencies
COPY requirements/jobs/backup.lock ./
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install -r backup.lock

FROM builder AS cleanup-dependencies
COPY requirements/jobs/cleanup.lock ./
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install -r cleanup.lock

FROM builder AS monitor-dependencies
COPY requirements/jobs/monitor.lock ./
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install -r monitor.lock

FROM builder AS restore-dependencies
COPY requirements/jobs/restore.lock ./
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install -r restore.lock

FROM builder AS verify-dependencies
COPY requirements/jobs/verify.lock ./
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install -r verify.lock

FROM builder AS verify-on-arrival-dependencies
COPY requirements/jobs/verify-on-arrival.lock ./
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install -r verify-on-arrival.lock

FROM builder AS console-dependencies
COPY requirements/jobs/console.lock ./
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install -r console.lock

FROM builder AS litekeep-dependencies
COPY requirements/run.lock ./
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install -r run.lock

# A volume is mounted on /scratch. On Cloud Run, files written elsewhere count against the memory.
FROM ${BASE} AS base
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SQLITE_TMPDIR=/scratch \
    TMPDIR=/scratch
RUN install --directory --mode=1777 /scratch
WORKDIR /app
COPY --from=code /app ./
USER 65532:65532

FROM base AS backup
COPY --from=backup-dependencies /venv /venv
COPY --from=code /jobs/backup ./jobs/backup
ENTRYPOINT ["python", "-m", "jobs.backup"]

FROM base AS cleanup
COPY --from=cleanup-dependencies /venv /venv
COPY --from=code /jobs/cleanup ./jobs/cleanup
ENTRYPOINT ["python", "-m", "jobs.cleanup"]

FROM base AS monitor
COPY --from=monitor-dependencies /venv /venv
COPY --from=code /jobs/monitor ./jobs/monitor
ENTRYPOINT ["python", "-m", "jobs.monitor"]

FROM base AS restore
COPY --from=restore-dependencies /venv /venv
COPY --from=code /jobs/restore ./jobs/restore
ENTRYPOINT ["python", "-m", "jobs.restore"]

FROM base AS verify
COPY --from=verify-dependencies /venv /venv
COPY --from=code /jobs/verify ./jobs/verify
ENTRYPOINT ["python", "-m", "jobs.verify"]

# A service, not a job: it handles storage events on PORT, one at a time.
FROM base AS verify-on-arrival
ENV THREADS=1
COPY --from=verify-on-arrival-dependencies /venv /venv
COPY --from=code /jobs/verify/__init__.py /jobs/verify/arrival.py ./jobs/verify/
ENTRYPOINT ["python", "-m", "functions_framework", "--target=arrived", "--signature-type=cloudevent", "--source=jobs/verify/arrival.py"]

# The console behind Identity-Aware Proxy: a service on PORT with one process and several threads.
FROM base AS console
COPY --from=console-dependencies /venv /venv
COPY --from=code /console ./console
ENTRYPOINT ["python", "-m", "console"]

# The command line for your own machines: see compose.yaml. Python imports nothing from the working folder.
FROM base AS litekeep
ENV PYTHONPATH=/app \
    PYTHONSAFEPATH=1 \
    XDG_STATE_HOME=/scratch/state
COPY --from=litekeep-dependencies /venv /venv
COPY --from=code /console ./console
COPY --from=code /jobs ./jobs
COPY --from=code /litekeep ./litekeep
WORKDIR /work
ENTRYPOINT ["python", "-m", "litekeep"]
