# Three stages: the wheel, the environment it runs in, and an image that holds that environment and nothing that builds.

FROM python:3.12-slim AS wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY requirements-dev.lock ./
RUN pip install --require-hashes --only-binary :all: -r requirements-dev.lock
COPY . ./
RUN python -m hatchling build -t wheel -d /dist

FROM python:3.12-slim AS environment
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.lock ./
# No pip inside: what runs the ledger has no way to install anything.
RUN python -m venv --without-pip /opt/returns-ledger \
 && pip --python /opt/returns-ledger install --require-hashes --only-binary :all: -r requirements.lock
COPY --from=wheel /dist/ /dist/
RUN pip --python /opt/returns-ledger install --no-deps --no-index /dist/*.whl

FROM python:3.12-slim
ENV PATH=/opt/returns-ledger/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 RETURNS_LEDGER_DATA_DIR=/var/lib/returns-ledger
# The number is fixed, so that whoever mounts a volume knows whose it has to be.
RUN groupadd --gid 10001 ledger \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/returns-ledger --no-create-home --shell /usr/sbin/nologin ledger \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/returns-ledger \
 && install -d /etc/returns-ledger
COPY --from=environment /opt/returns-ledger /opt/returns-ledger
# returns-ledger.toml is looked for in the working directory.
WORKDIR /etc/returns-ledger
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/livez', timeout=3)"]
ENTRYPOINT ["returns-ledger"]
CMD ["run", "--no-demo", "--host", "0.0.0.0", "--port", "8080"]
