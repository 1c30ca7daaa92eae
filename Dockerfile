# One image for web, worker, migrations, backups and every other command, by its first argument.
#
#     deploy/image/build.sh --tag registry.example.com/notevault/notevault-api:v1.0.0
#
# BASE is a tag here and a digest in every build: build.sh looks up the newest one, passes it and
# prints it, and the image names it in a label. A digest in this file would miss security updates
# until somebody changed it.
ARG BASE=debian:bookworm-slim

# psql, pg_dump and pg_restore of the newest server that we promise, as Debian 12 has only 15, and
# its packages bring perl.
# checkov:skip=CKV_DOCKER_7: BASE has a tag above, and a digest in a build.
FROM ${BASE} AS postgres-client
ARG POSTGRES_VERSION=18.6
ARG POSTGRES_SHA256=555610c24d53e4316da5b7d3fc25c279d96856d5e0e23ee308c328c5fa881d9f
ARG POSTGRES_URL=https://ftp.postgresql.org/pub/source/v${POSTGRES_VERSION}/postgresql-${POSTGRES_VERSION}.tar.bz2
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# Packages follow the base and its security updates, here and below: a pinned version of Debian's
# is gone from its mirror once there is a newer one.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        bison bzip2 ca-certificates curl flex gcc libc6-dev liblz4-dev libreadline-dev libssl-dev \
        libzstd-dev make perl pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN curl -fsSL --retry 3 -o source.tar.bz2 "${POSTGRES_URL}" \
    && echo "${POSTGRES_SHA256}  source.tar.bz2" | sha256sum --check --quiet \
    && tar --strip-components=1 -xjf source.tar.bz2 \
    && ./configure --quiet --prefix=/opt/postgresql --without-icu --with-openssl --with-lz4 \
        --with-zstd \
    && make -s -C src/backend generated-headers \
    && for part in interfaces/libpq bin/pg_dump bin/psql; do \
        make -s -j "$(nproc)" -C "src/${part}" install; done \
    && mkdir -p /out/bin /out/lib \
    && cp -a /opt/postgresql/bin/{psql,pg_dump,pg_restore} /out/bin/ \
    && cp -a /opt/postgresql/lib/libpq.so.* /out/lib/ \
    && find /out -type f -exec strip --strip-unneeded {} +

# The virtual environment, whole: assets are collected from it before it is pruned.
FROM ${BASE} AS packages
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*
COPY requirements/production.txt /tmp/production.txt
# An index of one's own, or its certificate, by secrets, which no layer keeps:
# `build.sh --pip-conf FILE --pip-ca FILE`.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=pip-ca \
    python3.11 -m venv /opt/pip \
    && python3.11 -m venv --without-pip /opt/venv \
    && /opt/pip/bin/pip --python /opt/venv/bin/python install \
        --require-hashes --no-deps --only-binary :all: --no-compile --no-cache-dir \
        --disable-pip-version-check --progress-bar off -r /tmp/production.txt

# What is not needed to serve is cut, and what is left is compiled: the root is read-only, so that
# each start would else compile it anew. What only backups load is left to them: 10 MB for a second
# a night.
FROM packages AS pruned
COPY deploy/image/prune.py /tmp/prune.py
RUN python3.11 /tmp/prune.py /opt/venv \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x "/(aiobotocore|botocore|gcsfs|google|grpc|oauthlib|proto)/" /opt/venv/lib

# Our code, with the files that the admin and the API's documentation are made of.
FROM packages AS code
WORKDIR /app
COPY manage.py .env.example ./
COPY alerts alerts
COPY notes notes
COPY notevault notevault
COPY ops ops
COPY payments payments
COPY deploy/gunicorn.conf.py deploy/gunicorn.conf.py
COPY deploy/image/entrypoint.sh deploy/image/healthcheck.py deploy/image/
# No server is asked: settings only want to see an address. Source maps are named by other files
# until all are collected.
RUN DJANGO_SETTINGS_MODULE=notevault.settings.base DATABASE_URL=postgresql://nobody@localhost/none \
    /opt/venv/bin/python -B manage.py collectstatic --no-input --verbosity 0 \
        --ignore redoc --ignore rest_framework \
    && find staticfiles -name "*.map*" -delete \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app

# Debian with Python, and without what installs or builds anything.
FROM ${BASE} AS system
COPY deploy/image/shrink_system.sh /tmp/shrink_system.sh
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get upgrade -y --no-install-recommends \
    && apt-get install -y --no-install-recommends \
        ca-certificates libgcc-s1 liblz4-1 libreadline8 libssl3 libstdc++6 libzstd1 media-types \
        python3.11 tini tzdata zlib1g \
    && groupadd --gid 10001 notevault \
    && useradd --uid 10001 --gid 10001 --home-dir /nonexistent --no-create-home \
        --shell /usr/sbin/nologin notevault \
    && sh /tmp/shrink_system.sh

# PgBouncer as Debian 12 has it. Version 1.18 has what this service uses: transaction pooling, SCRAM
# and TLS. Prepared statements, which need 1.21, the service turns off behind it. The binary is
# taken out of its package, which depends on perl for Debian's own scripts.
FROM ${BASE} AS pgbouncer-package
WORKDIR /src
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get download pgbouncer \
    && dpkg-deb --extract pgbouncer_*.deb /src/package \
    && rm -rf /var/lib/apt/lists/*

FROM ${BASE} AS pgbouncer
ARG BASE
ARG NOTEVAULT_VERSION=unknown
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get upgrade -y --no-install-recommends \
    && apt-get install -y --no-install-recommends \
        ca-certificates libc-ares2 libevent-2.1-7 libpam0g libssl3 libsystemd0 tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && groupadd --gid 10001 pgbouncer \
    && useradd --uid 10001 --gid 10001 --home-dir /nonexistent --no-create-home \
        --shell /usr/sbin/nologin pgbouncer
COPY --from=pgbouncer-package /src/package/usr/sbin/pgbouncer /usr/sbin/pgbouncer
LABEL org.opencontainers.image.title="PgBouncer for NoteVault" \
    org.opencontainers.image.version="${NOTEVAULT_VERSION}" \
    org.opencontainers.image.base.name="${BASE}"
USER 10001:10001
EXPOSE 6432
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/6432"]
ENTRYPOINT ["/usr/bin/tini", "--", "/usr/sbin/pgbouncer"]
CMD ["/etc/pgbouncer/pgbouncer.ini"]

# From nothing: what a layer removes would stay in the layers below it.
FROM scratch AS service
ARG BASE
ARG NOTEVAULT_VERSION=unknown
ARG NOTEVAULT_REVISION=unknown
# That whole system, on purpose.
# hadolint ignore=DL3067
COPY --from=system / /
COPY --from=postgres-client /out /opt/postgresql
COPY --from=pruned /opt/venv /opt/venv
COPY --from=code /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:/opt/postgresql/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=notevault.settings.production \
    DJANGO_READ_DOT_ENV=false \
    NOTEVAULT_VERSION=${NOTEVAULT_VERSION} \
    PG_BIN=/opt/postgresql/bin \
    PORT=5001 \
    WORKER_PORT=5003
LABEL org.opencontainers.image.title="NoteVault API" \
    org.opencontainers.image.description="The backend of a shop for study notes" \
    org.opencontainers.image.version="${NOTEVAULT_VERSION}" \
    org.opencontainers.image.revision="${NOTEVAULT_REVISION}" \
    org.opencontainers.image.base.name="${BASE}"
USER 10001:10001
EXPOSE 5001 5003
STOPSIGNAL SIGTERM
# For Docker and Compose; Kubernetes has probes of its own.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "/app/deploy/image/healthcheck.py"]
ENTRYPOINT ["/usr/bin/tini", "--", "/app/deploy/image/entrypoint.sh"]
CMD ["help"]
