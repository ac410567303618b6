# One image for every part: `docker run IMAGE` runs everything with the embedded engine, docker-compose.yml the parts
# apart. See docs/operators.md.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml setup.py README.md LICENSE requirements.lock ./
# What the lock names, byte for byte, and nothing else.
RUN python -m venv /opt/footfall && /opt/footfall/bin/pip install --no-cache-dir --quiet --require-hashes --requirement requirements.lock
COPY schema schema
COPY pipeline pipeline
COPY collector collector
COPY dashboards dashboards
COPY footfall footfall
# What `footfall --version` tells: docker build --build-arg COMMIT=$(git rev-parse --short=12 HEAD) …
ARG COMMIT=unknown
RUN FOOTFALL_COMMIT=$COMMIT /opt/footfall/bin/pip install --no-cache-dir --quiet --no-deps --no-build-isolation . \
    && /opt/footfall/bin/pip uninstall --yes --quiet setuptools pip

FROM python:3.12-slim
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin footfall \
    && install -d -o footfall -g footfall -m 0700 /data
COPY --from=build /opt/footfall /opt/footfall
ENV PATH=/opt/footfall/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 FOOTFALL_DATA=/data
USER footfall
WORKDIR /data
VOLUME /data
EXPOSE 8000 8001
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen as u; u('http://127.0.0.1:8000/readyz', timeout=3); u('http://127.0.0.1:8001/healthz', timeout=3)"]
# The parent stops its processes within 10 s of SIGTERM.
STOPSIGNAL SIGTERM
ENTRYPOINT ["footfall"]
CMD ["up", "--host", "0.0.0.0"]
