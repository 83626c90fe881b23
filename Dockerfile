# The action's image: karst, Terraform with its Docker provider, git, ssh and a client
# for BuildKit, so that a run downloads nothing. Without BuildKit's own syntax, because
# some runners build actions with the engine's old builder.
ARG BASE=python:3.12-slim-trixie

FROM ${BASE} AS parts
COPY tools/action_parts.py parts* /parts/
# parts/ca.pem: the CAs of a network whose proxy signs TLS anew; it stays in these stages.
RUN if [ -s /parts/ca.pem ]; then export SSL_CERT_FILE=/parts/ca.pem; fi \
    && python3 /parts/action_parts.py /parts /out

FROM ${BASE} AS library
COPY requirements.txt tools/action_parts.py parts* /parts/
RUN if [ -s /parts/ca.pem ]; then export PIP_CERT=/parts/ca.pem; fi \
    && python3 -m venv /pip \
    && /pip/bin/pip install -q --no-cache-dir --no-compile --no-deps --require-hashes \
        --target /out -r /parts/requirements.txt \
    && rm -rf /out/bin \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /out
COPY karst /out/karst
COPY infra /out/infra
COPY proto /out/proto
COPY entrypoint.py /out/__main__.py
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        /out/karst /out/__main__.py

FROM ${BASE}
ARG APT_PACKAGES="git git-lfs openssh-client docker-cli docker-buildx"
RUN if [ -n "$APT_PACKAGES" ]; then \
        apt-get update -q \
        && apt-get install -qy --no-install-recommends $APT_PACKAGES \
        && rm -rf /var/lib/apt/lists/*; \
    fi
COPY --from=parts /out /opt/karst
COPY --from=library /out /opt/karst/lib
ENV PATH=/opt/karst/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    KARST_CACHE=/opt/karst
# -I -S: nothing of the workspace, of the environment or of site-packages is imported.
ENTRYPOINT ["python3", "-I", "-S", "/opt/karst/lib"]
