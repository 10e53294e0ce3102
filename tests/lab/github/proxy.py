"""A proxy for HTTPS that stands for GitHub itself: behind it, and with certificates of an authority of its own, the lab is
api.github.com, and the tests' registry is ghcr.io."""

import datetime
import os
import select
import socket
import ssl
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("api.github.com", "ghcr.io")
KEY = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def start(endpoint):
    """Its address, and the file with its authority."""
    folder = tempfile.mkdtemp(prefix="forge-lab-")
    context = _context(folder)
    behind = {"api.github.com": endpoint.removeprefix("http://"), "ghcr.io": os.environ.get("FORGE_TEST_REGISTRY", "")}
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_connect, args=(client, context, behind), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return {"proxy": f"http://127.0.0.1:{listener.getsockname()[1]}", "authority": f"{folder}/authority.pem"}


def _connect(client, context, behind):
    with client:
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(4096)
            if not part:
                return
            head += part
        method, name, _ = head.split(b"\r\n")[0].decode().split(" ")
        host = name.rpartition(":")[0]
        if method != "CONNECT" or not behind.get(host):
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        address, _, port = behind[host].rpartition(":")
        try:
            with context.wrap_socket(client, server_side=True) as outer, socket.create_connection((address, int(port))) as inner:
                _pump(outer, inner)
        except OSError:
            pass  # Whoever is in front has seen it.


def _pump(outer, inner):
    while True:
        ready = [outer] if outer.pending() else select.select([outer, inner], [], [], 60)[0]
        for one in ready:
            data = one.recv(65536)
            if not data:
                return
            (inner if one is outer else outer).sendall(data)
        if not ready:
            return


def _context(folder):
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "forge lab")])
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(name, key):
        made = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        return made.not_valid_after(now + datetime.timedelta(days=1))

    root = certificate(issuer, authority).add_extension(x509.BasicConstraints(True, None), critical=True).sign(authority, hashes.SHA256())
    leaf = certificate(x509.Name([]), own).add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES]), critical=True)
    leaf = leaf.add_extension(x509.BasicConstraints(False, None), critical=True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    leaf = leaf.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    leaf = leaf.sign(authority, hashes.SHA256())
    files = {
        "authority.pem": root.public_bytes(serialization.Encoding.PEM),
        "own.pem": own.private_bytes(*KEY) + leaf.public_bytes(serialization.Encoding.PEM),
    }
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "own.pem"))
    return context
