# The annotation server: rating in the browser, the owner's console, back-ups. docs/deployment.md
# No PyTorch and no models: images are made and measured elsewhere.
FROM python:3.11-slim-bookworm AS build
COPY . /source
RUN /source/deploy/install.sh /opt/nami-bench

FROM python:3.11-slim-bookworm
# pg_dump, for back-ups of a PostgreSQL server up to the version here.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home nami \
 && install --directory --owner nami /data
COPY --from=build /opt/nami-bench /opt/nami-bench
COPY deploy/start.sh /opt/nami-bench/bin/start-nami-bench
ENV PATH=/opt/nami-bench/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    GRADIO_TEMP_DIR=/tmp/gradio \
    MPLCONFIGDIR=/tmp/matplotlib \
    NAMI_WORKSPACE=/data
USER 1000
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('NAMI_PORT', 7860)}/healthz\", timeout=4)"]
# It is the process itself that gets the signal to stop: what was acknowledged is saved, then it ends.
CMD ["start-nami-bench"]
