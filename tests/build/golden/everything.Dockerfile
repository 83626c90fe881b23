# Rendered by KarstKit; edits belong into infra/templates/app.Dockerfile.tmpl.
# Kept to what engine 20.10 builds: no heredocs, no COPY --link, no syntax line.
# The context: the checkout in app/, karst's own files in .karst-build/.

FROM python:3.12-slim@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc AS builder
ENV PATH=/opt/uv/bin:$PATH VIRTUAL_ENV=/opt/venv UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_NO_PROGRESS=1 XDG_CACHE_HOME=/cache
RUN --mount=type=secret,id=karst_ca if [ -s /run/secrets/karst_ca ]; then export SSL_CERT_FILE=/run/secrets/karst_ca PIP_CERT=/run/secrets/karst_ca REQUESTS_CA_BUNDLE=/run/secrets/karst_ca; fi && python3 -m venv /opt/uv && \
    /opt/uv/bin/python3 -m pip install --quiet --no-cache-dir --disable-pip-version-check uv==0.13.9
RUN python3 -m venv --without-pip /opt/venv
WORKDIR /app
COPY ["app/requirements.txt", "/app/"]
COPY ["app/more/base.txt", "/app/more/"]
RUN --mount=type=cache,id=karst-shop-web,target=/cache,sharing=locked --mount=type=secret,id=TOKEN --mount=type=secret,id=karst_ca if [ -s /run/secrets/karst_ca ]; then export SSL_CERT_FILE=/run/secrets/karst_ca PIP_CERT=/run/secrets/karst_ca REQUESTS_CA_BUNDLE=/run/secrets/karst_ca; fi && uv pip install --requirement requirements.txt
RUN --mount=type=cache,id=karst-shop-web,target=/cache,sharing=locked --mount=type=secret,id=TOKEN --mount=type=secret,id=karst_ca --mount=type=bind,source=app,target=/app,rw if [ -s /run/secrets/karst_ca ]; then export SSL_CERT_FILE=/run/secrets/karst_ca PIP_CERT=/run/secrets/karst_ca REQUESTS_CA_BUNDLE=/run/secrets/karst_ca; fi && uv pip install /app

FROM python:3.12-slim@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
RUN echo 'karst:x:10001:10001::/home/karst:/bin/false' >> /etc/passwd && \
    echo 'karst:x:10001:' >> /etc/group && \
    mkdir -p /home/karst && chown 10001:10001 /home/karst
ENV PATH=/opt/venv/bin:$PATH HOME=/home/karst PYTHONUNBUFFERED=1 PYTHONPATH=/app/src
COPY .karst-build/shim.py /opt/karst/shim.py
COPY --from=builder /opt/venv /opt/venv
COPY --chown=10001:10001 app /app
RUN mkdir -p /app/more '/var/lib/my app' && chown 10001:10001 /app/more '/var/lib/my app'
WORKDIR /app
USER 10001:10001
LABEL karst.shim=04e666aa09809daf
# Isolated (-I): a PYTHONPATH with a module called `socket` is the app's own trouble.
ENTRYPOINT ["python3", "-I", "/opt/karst/shim.py", "--"]
CMD ["python3", "-m", "web"]
