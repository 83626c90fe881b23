"""The engine at hand behind TCP with mutual TLS: a real handshake, then plain bytes."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SOCKET = "/var/run/docker.sock"
_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class TlsEngine:
    """`folder` holds ca.pem, cert.pem and key.pem of a client that is let in."""

    address: str
    folder: Path


def make_authority(name: str) -> tuple[x509.Certificate, _Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certificate(name, key, None), key


def write_client(folder: Path, authority: tuple[x509.Certificate, _Key]) -> None:
    """ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH has them."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.pem").write_bytes(_pem(authority[0]))
    (folder / "cert.pem").write_bytes(_pem(_certificate("client", key, authority)))
    (folder / "key.pem").write_bytes(_key_pem(key))


def write_server(
    folder: Path, authority: tuple[x509.Certificate, _Key], name: str
) -> None:
    """The same of an engine that is called `name`."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    served = _certificate("engine", key, authority, name)
    (folder / "ca.pem").write_bytes(_pem(authority[0]))
    (folder / "cert.pem").write_bytes(_pem(served))
    (folder / "key.pem").write_bytes(_key_pem(key))


@contextlib.contextmanager
def tls_engine(folder: Path) -> Iterator[TlsEngine]:
    authority = make_authority("engine's CA")
    write_client(folder / "client", authority)
    write_server(folder / "server", authority, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        folder / "server" / "cert.pem", folder / "server" / "key.pem"
    )
    context.load_verify_locations(folder / "client" / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context), daemon=True).start()
        port = listener.getsockname()[1]
        yield TlsEngine(f"tcp://127.0.0.1:{port}", folder / "client")
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_pass, args=(line, context), daemon=True).start()


def _pass(line: socket.socket, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as engine:
        secure = context.wrap_socket(line, server_side=True)
        # TLS 1.3 tells a client that it is refused only with the first bytes.
        engine.connect(SOCKET)
        back = threading.Thread(target=_copy, args=(engine, secure), daemon=True)
        back.start()
        _copy(secure, engine)
        back.join(60)
        secure.close()
    line.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _certificate(
    name: str,
    key: _Key,
    authority: tuple[x509.Certificate, _Key] | None,
    address: str = "",
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority[0].subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=2))
        .add_extension(x509.BasicConstraints(ca=not authority, path_length=None), True)
    )
    if address:
        is_number = address.replace(".", "").isdecimal()
        names: list[x509.GeneralName] = [
            x509.IPAddress(ipaddress.ip_address(address))
            if is_number
            else x509.DNSName(address)
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return builder.sign(authority[1] if authority else key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
