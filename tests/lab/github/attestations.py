"""Attestations: Sigstore bundles by the digests of what they are of. The lab keeps what it is given, as GitHub does."""

import base64
import json
import re
import uuid

from .answers import Answer, not_found
from .artifacts import signed
from .routes import route

# In a short form; anything else is a type in full.
KINDS = {"provenance": "https://slsa.dev/provenance/", "sbom": "https://spdx.dev/Document"}


def add(repo, bundle):
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    key = f"attestations/{uuid.uuid4()}.json.sn"
    repo.lab.blobs[key] = {"content": packed(json.dumps(bundle).encode()), "blocks": {}, "type": "application/x-snappy", "name": key.split("/")[1]}
    made = {
        "id": repo.lab.new_id(), "bundle": bundle, "key": key, "kind": statement["predicateType"],
        "digests": [f"{name}:{value}" for subject in statement["subject"] for name, value in subject["digest"].items()],
    }
    repo.attestations[made["id"]] = made
    return made["id"]


def packed(data):
    """Snappy's form, of literals alone."""
    out, length = bytearray(), len(data)
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    out.append(length)
    for at in range(0, len(data), 1 << 16):
        part = data[at : at + (1 << 16)]
        # 61: the length less one is in the two bytes that follow.
        out += bytes([61 << 2]) + (len(part) - 1).to_bytes(2, "little") + part
    return bytes(out)


def _view(call, made):
    shown = {"repository_id": call.repo.id, "bundle_url": signed(call, made["key"], "r", call.lab.settings["download_seconds"]), "initiator": "user"}
    return shown | ({"bundle": made["bundle"]} if call.lab.settings["inline_bundles"] else {})


@route("GET", "/repos/{owner}/{repo}/attestations/{subject_digest}", "attestations=read")
def of_digest(call):
    digest, kind = call.params["subject_digest"], call.query.get("predicate_type")
    found = [a for a in reversed(call.repo.attestations.values()) if digest in a["digests"]]
    if kind:
        found = [a for a in found if a["kind"] == kind or a["kind"].startswith(KINDS.get(kind, kind + "\0"))]
    if not found or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise not_found()
    # Pages are told by cursors; they are no numbers.
    before = base64.urlsafe_b64decode(call.query["after"]).decode() if "after" in call.query else None
    found = [a for a in found if before is None or a["id"] < int(before)]
    size = min(call.query.get("per_page") or 30, 100, call.lab.settings["attestations_in_a_page"])
    part, links = found[:size], {}
    if len(found) > size:
        cursor = base64.urlsafe_b64encode(str(part[-1]["id"]).encode()).decode()
        links = {"Link": f'<{call.base}/repositories/{call.repo.id}/attestations/{digest}?after={cursor.replace("=", "%3D")}&per_page={size}>; rel="next"'}
    return Answer(200, {"attestations": [_view(call, a) for a in part]}, links)
