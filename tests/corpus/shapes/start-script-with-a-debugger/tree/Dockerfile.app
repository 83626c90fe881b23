FROM python:3.11
WORKDIR /usr/app/
COPY . .
ENTRYPOINT [ "./entrypoint.sh" ]
