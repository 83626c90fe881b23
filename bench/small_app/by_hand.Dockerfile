# What a careful author writes: dependencies in their own layer, wheels in a cache
# mount, no build tools in the final image, no root.
ARG BASE
FROM ${BASE} AS builder
ARG CACHE
RUN python3 -m venv /opt/venv
COPY requirements.txt .
RUN --mount=type=cache,id=bench-by-hand-${CACHE},target=/pip-cache \
    --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi && \
    /opt/venv/bin/pip install -q --cache-dir /pip-cache --disable-pip-version-check -r requirements.txt

FROM ${BASE}
RUN echo 'app:x:10001:10001::/:/bin/false' >> /etc/passwd
ENV PATH=/opt/venv/bin:$PATH
COPY --from=builder /opt/venv /opt/venv
COPY main.py /app/
WORKDIR /app
USER 10001
CMD ["python3", "main.py"]
