"""A Sigstore of the test's own: an authority that certifies workflows, one that stamps times, and what signs with them.

Usage: sigstore.py new FOLDER        makes the authorities; FOLDER/trusted_root.json is what `gh attestation trusted-root` prints of one
       sigstore.py new FOLDER log    the same with a transparency log, whose entries signatures must then have
       sigstore.py attest FOLDER     reads what to sign (JSON) from standard input, and prints the bundle in one line

What to sign, all optional: subjects (names with digests, `sha256:...`), predicate_type; what the certificate says: workflow
(OWNER/NAME/.github/workflows/FILE@REF), source (OWNER/NAME), commit, issuer, server; what is wrong: age (seconds since the
certificate was given; it lasts 600), tampered (the statement is another than what was signed), untimed (no stamp), logged
(false: without an entry of the log).
"""

import base64
import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FULCIO = "1.3.6.1.4.1.57264.1"
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
ORIGIN = "log.sigstore.lab"
# How `openssl ts` is told what to do.
STAMPS = """
[tsa]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


def b64(data):
    return base64.b64encode(data).decode()


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def certificate(name, key, issuer=None, *, begins=None, lasts=datetime.timedelta(days=3650), more=()):
    """`issuer` nothing: a root."""
    signer, signed_by = issuer or (key, name)
    begins = begins or now() - datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(signed_by).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(begins + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256())


def named(common):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "The lab"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def usage(**given):
    kinds = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{kind: given.get(kind, False) for kind in kinds}), True


AUTHORITY = ((x509.BasicConstraints(ca=True, path_length=None), True), usage(key_cert_sign=True, crl_sign=True))


def keep(folder, name, key, cert=None):
    (folder / f"{name}.key").write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    if cert:
        (folder / f"{name}.crt").write_bytes(cert.public_bytes(PEM))


def kept(folder, name):
    return serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), None)


def new(folder, log):
    folder.mkdir(parents=True, exist_ok=True)
    key = lambda: ec.generate_private_key(ec.SECP256R1())  # noqa: E731
    root_key, fulcio_key, stamps_root_key, stamps_key = key(), key(), key(), key()
    root, stamps_root = (certificate(named(n), k, more=AUTHORITY) for n, k in (("root", root_key), ("root of stamps", stamps_root_key)))
    fulcio = certificate(named("fulcio"), fulcio_key, (root_key, root.subject), more=AUTHORITY)
    stamping = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True), usage(digital_signature=True)
    stamps = certificate(named("stamps"), stamps_key, (stamps_root_key, stamps_root.subject), more=stamping)
    keep(folder, "fulcio", fulcio_key, fulcio)
    keep(folder, "stamps", stamps_key, stamps)
    (folder / "serial").write_text("01")
    (folder / "stamps.cnf").write_text(STAMPS.format(folder=folder))
    chain = lambda *certs: {"certificates": [{"rawBytes": b64(c.public_bytes(DER))} for c in certs]}  # noqa: E731
    valid = {"start": "2020-01-01T00:00:00Z"}
    trusted = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "certificateAuthorities": [{"subject": {"organization": "The lab", "commonName": "fulcio"}, "uri": "fulcio.lab", "certChain": chain(fulcio, root), "validFor": valid}],
        "timestampAuthorities": [{"subject": {"organization": "The lab", "commonName": "stamps"}, "uri": "stamps.lab", "certChain": chain(stamps, stamps_root), "validFor": valid}],
    }
    if log:
        log_key = key()
        keep(folder, "log", log_key)
        public = log_key.public_key().public_bytes(DER, SPKI)
        trusted["tlogs"] = [{
            "baseUrl": f"https://{ORIGIN}", "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(hashlib.sha256(public).digest())},
            "publicKey": {"rawBytes": b64(public), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
        }]
    (folder / "trusted_root.json").write_text(json.dumps(trusted) + "\n")


def text(number, value):
    """An extension of a certificate with a text, as Fulcio writes those of CI systems: UTF8String in DER."""
    data = value.encode()
    length = bytes([len(data)]) if len(data) < 128 else bytes([0x81, len(data)])
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{FULCIO}.{number}"), b"\x0c" + length + data), False


def workflow_certificate(folder, key, given):
    server = given.get("server", "https://github.com")
    source = given.get("source", "octo/images")
    commit = given.get("commit", "a" * 40)
    workflow = f"{server}/{given.get('workflow', source + '/.github/workflows/images.yml@refs/heads/main')}"
    claims = {
        8: given.get("issuer", "https://token.actions.githubusercontent.com"), 9: workflow, 10: commit, 11: "github-hosted", 12: f"{server}/{source}", 13: commit,
        14: "refs/heads/main", 15: "1", 16: f"{server}/{source.split('/')[0]}", 18: workflow, 19: commit, 20: "push", 21: f"{server}/{source}/actions/runs/1/attempts/1", 22: "private",
    }
    more = [
        usage(digital_signature=True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
        (x509.SubjectAlternativeName([x509.UniformResourceIdentifier(workflow)]), True), *(text(n, v) for n, v in claims.items()),
    ]
    fulcio = x509.load_pem_x509_certificate((folder / "fulcio.crt").read_bytes())
    begins = now() - datetime.timedelta(seconds=given.get("age", 0) + 5)
    return certificate(x509.Name([]), key, (kept(folder, "fulcio"), fulcio.subject), begins=begins, lasts=datetime.timedelta(seconds=600), more=more)


def stamp(folder, signature):
    """What a timestamp authority answers for a signature (RFC 3161)."""
    with tempfile.TemporaryDirectory() as scratch:
        data, query, reply = (os.path.join(scratch, name) for name in ("data", "query", "reply"))
        pathlib.Path(data).write_bytes(signature)
        openssl = lambda *args: subprocess.run(["openssl", "ts", *args], check=True, capture_output=True)  # noqa: E731
        openssl("-query", "-data", data, "-sha256", "-no_nonce", "-out", query)
        own = [part for name, flag in (("cnf", "-config"), ("crt", "-signer"), ("key", "-inkey")) for part in (flag, str(folder / f"stamps.{name}"))]
        openssl("-reply", *own, "-section", "tsa", "-queryfile", query, "-out", reply)
        return pathlib.Path(reply).read_bytes()


def entry(folder, payload, signature, cert):
    """The entry of a log that has no others: Rekor's first version, with its promise and the proof that it is in it."""
    key = kept(folder, "log")
    id = hashlib.sha256(key.public_key().public_bytes(DER, SPKI)).digest()
    sign = lambda data: key.sign(data, ec.ECDSA(hashes.SHA256()))  # noqa: E731
    plain = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")).encode()  # noqa: E731
    sha = lambda data: {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}  # noqa: E731
    signatures = [{"signature": b64(signature), "verifier": b64(cert.public_bytes(PEM))}]
    body = plain({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"envelopeHash": sha(b"{}"), "payloadHash": sha(payload), "signatures": signatures}})
    at = int(now().timestamp())
    promise = sign(plain({"body": b64(body), "integratedTime": at, "logID": id.hex(), "logIndex": 0}))
    root = hashlib.sha256(b"\0" + body).digest()
    note = f"{ORIGIN}\n1\n{b64(root)}\n"
    checkpoint = f"{note}\n\u2014 {ORIGIN} {b64(id[:4] + sign(note.encode()))}\n"
    return {
        "logIndex": "0", "logId": {"keyId": b64(id)}, "kindVersion": {"kind": "dsse", "version": "0.0.1"}, "integratedTime": str(at), "inclusionPromise": {"signedEntryTimestamp": b64(promise)},
        "inclusionProof": {"logIndex": "0", "rootHash": b64(root), "treeSize": "1", "hashes": [], "checkpoint": {"envelope": checkpoint}}, "canonicalizedBody": b64(body),
    }


def attest(folder, given):
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": dict([digest.split(":")])} for name, digest in given.get("subjects", {}).items()],
        "predicateType": given.get("predicate_type", "https://slsa.dev/provenance/v1"), "predicate": {"buildDefinition": {"buildType": "https://actions.github.io/buildtypes/workflow/v1"}},
    }
    kind, payload = "application/vnd.in-toto+json", json.dumps(statement).encode()
    key = ec.generate_private_key(ec.SECP256R1())
    cert = workflow_certificate(folder, key, given)
    signed = b"another" if given.get("tampered") else payload
    signature = key.sign(b" ".join([b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(signed)).encode(), signed]), ec.ECDSA(hashes.SHA256()))
    material = {"certificate": {"rawBytes": b64(cert.public_bytes(DER))}, "tlogEntries": [], "timestampVerificationData": {"rfc3161Timestamps": []}}
    if not given.get("untimed"):
        material["timestampVerificationData"]["rfc3161Timestamps"].append({"signedTimestamp": b64(stamp(folder, signature))})
    if (folder / "log.key").exists() and given.get("logged", True):
        material["tlogEntries"].append(entry(folder, payload, signature, cert))
    envelope = {"payload": b64(payload), "payloadType": kind, "signatures": [{"sig": b64(signature)}]}
    return {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": material, "dsseEnvelope": envelope}


match sys.argv[1:]:
    case ["new", where, *log]:
        new(pathlib.Path(where).absolute(), log == ["log"])
    case ["attest", where]:
        print(json.dumps(attest(pathlib.Path(where).absolute(), json.load(sys.stdin))))
    case _:
        sys.exit(__doc__)
