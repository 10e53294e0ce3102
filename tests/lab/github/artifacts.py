"""The runner's artifact service (Twirp, protobuf as JSON) and the store behind signed addresses, which behaves like Azure's."""

import base64
import binascii
import hashlib
import hmac
import io
import json
import re
import time
import urllib.parse
import uuid
import xml.etree.ElementTree as xml
import zipfile

from .answers import Answer, Refused, moment, stamp

SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService/"
IDS = {"workflow_run_backend_id": str, "workflow_job_run_backend_id": str}
# Numbers of 64 bits are texts in protobuf's JSON, and may be numbers; wrapped values are bare.
NUMBER = (str, int)
FIELDS = {
    "CreateArtifact": IDS | {"name": str, "expires_at": str, "version": int, "mime_type": str},
    "FinalizeArtifact": IDS | {"name": str, "size": NUMBER, "hash": str},
    "ListArtifacts": IDS | {"name_filter": str, "id_filter": NUMBER},
    "GetSignedArtifactURL": IDS | {"name": str},
    "DeleteArtifact": IDS | {"name": str},
}
FORBIDDEN = '"' + ":<>|*?\r\n\\/"


class Fault(Refused):
    """An error as Twirp writes it."""

    STATUS = {"malformed": 400, "invalid_argument": 400, "unauthenticated": 401, "permission_denied": 403, "bad_route": 404, "not_found": 404, "already_exists": 409}

    def __init__(self, code, message, invalid=False):
        super().__init__(self.STATUS[code], message, invalid=invalid)
        self.code = code

    def answer(self, docs):
        return Answer(self.status, raw=json.dumps({"code": self.code, "msg": self.message}).encode(), type="application/json")


# -- The service -----------------------------------------------------------------------------------------------------

def service(call, path, body):
    method = path.removeprefix(SERVICE)
    if call.request.method != "POST" or method not in FIELDS:
        raise Fault("bad_route", f"no handler for path {path!r}", invalid=True)
    if call.request.headers.get("Content-Type", "").split(";")[0] != "application/json":
        raise Fault("bad_route", "unexpected Content-Type", invalid=True)
    repo, run = _run_of(call)
    given = _read(method, body)
    if (given["workflow_run_backend_id"], given["workflow_job_run_backend_id"]) != (run["backend"], run["job_backend"]):
        raise Fault("permission_denied", "the token is for another run or job")
    call.repo = repo
    data = {"CreateArtifact": _create, "FinalizeArtifact": _finalize, "ListArtifacts": _list, "GetSignedArtifactURL": _address, "DeleteArtifact": _delete}[method](call, run, given)
    return Answer(200, raw=json.dumps(data).encode(), type="application/json")


def _run_of(call):
    """The run that the runner's token names in its claims."""
    scheme, _, token = call.request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or token not in call.lab.runtime:
        raise Fault("unauthenticated", "the token is none of the lab's")
    return call.lab.runtime[token]


def _read(method, body):
    """The request's fields; protobuf's JSON has two spellings of a name."""
    try:
        data = json.loads(body)
        given = {re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name): value for name, value in data.items()}
    except (ValueError, AttributeError):
        raise Fault("malformed", "the json request could not be decoded", invalid=True) from None
    for name, value in given.items():
        kind = FIELDS[method].get(name)
        if kind is None or not isinstance(value, kind) or isinstance(value, bool):
            raise Fault("malformed", f"the json request could not be decoded: {name}", invalid=True)
    for name in FIELDS[method].keys() & {*IDS, "name"}:
        if not given.get(name):
            raise Fault("invalid_argument", f"{name} is required", invalid=True)
    return given


def of_run(repo, run, name=None, final=True):
    return [a for a in repo.artifacts.values() if a["backend"] == run["backend"] and a["final"] >= final and name in (None, a["name"])]


def _create(call, run, given):
    name = given["name"]
    if set(name) & set(FORBIDDEN):
        raise Fault("invalid_argument", f"the artifact name is not valid: {name}", invalid=True)
    if given.get("version", 0) not in (4, 7):
        raise Fault("invalid_argument", "version must be 4 or 7", invalid=True)
    if of_run(call.repo, run, name, final=False):
        raise Fault("already_exists", "an artifact with this name already exists on the workflow run")
    ends = given.get("expires_at")
    if ends and not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", ends):
        raise Fault("malformed", f"expires_at: {ends}", invalid=True)
    made = add(call.repo, run, name, given.get("mime_type", "application/zip"), stamp(moment(ends)) if ends else None)
    return {"ok": True, "signed_upload_url": signed(call, made["key"], "cw", call.lab.settings["upload_seconds"])}


def add(repo, run, name, mime="application/zip", ends=None):
    made = {
        "id": repo.lab.new_id(), "name": name, "run": run["id"], "backend": run["backend"], "mime": mime, "final": False, "expired": False, "size": 0, "digest": None,
        "created_at": stamp(), "expires_at": ends or stamp(time.time() + 90 * 86400),
    }
    made["key"] = f"actions-results/{run['backend']}/{uuid.uuid4()}/artifact{'.zip' if mime == 'application/zip' else ''}"
    repo.lab.blobs[made["key"]] = {"content": None, "blocks": {}, "type": mime, "name": f"{name}.zip" if mime == "application/zip" else name}
    repo.artifacts[made["id"]] = made
    return made


def finish(lab, artifact):
    content = lab.blobs[artifact["key"]]["content"]
    artifact |= {"final": True, "size": len(content), "digest": f"sha256:{hashlib.sha256(content).hexdigest()}"}


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def _finalize(call, run, given):
    pending = [a for a in of_run(call.repo, run, given["name"], final=False) if not a["final"]]
    if not pending:
        raise Fault("not_found", "artifact not found")
    content = call.lab.blobs[pending[0]["key"]]["content"]
    if content is None:
        raise Fault("invalid_argument", "nothing was uploaded", invalid=True)
    if int(given.get("size", 0)) != len(content):
        raise Fault("invalid_argument", f"size is {given.get('size', 0)}, uploaded were {len(content)} bytes", invalid=True)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if given.get("hash", digest) != digest:
        raise Fault("invalid_argument", f"hash is {given['hash']}, uploaded was {digest}", invalid=True)
    finish(call.lab, pending[0])
    return {"ok": True, "artifact_id": str(pending[0]["id"])}


def _list(call, run, given):
    found = [a for a in of_run(call.repo, run, given.get("name_filter")) if int(given.get("id_filter", a["id"])) == a["id"] and not a["expired"]]
    ids = {"workflow_run_backend_id": run["backend"], "workflow_job_run_backend_id": run["job_backend"]}
    return {"artifacts": [
        ids | {"database_id": str(a["id"]), "name": a["name"], "size": str(a["size"]), "created_at": a["created_at"], "digest": a["digest"]} for a in found
    ]}


def _one(call, run, given):
    found = of_run(call.repo, run, given["name"])
    if not found:
        raise Fault("not_found", "artifact not found")
    return found[-1]


def _address(call, run, given):
    return {"signed_url": signed(call, _one(call, run, given)["key"], "r", call.lab.settings["download_seconds"])}


def _delete(call, run, given):
    found = _one(call, run, given)
    del call.repo.artifacts[found["id"]]
    return {"ok": True, "artifact_id": str(found["id"])}


# -- The store -------------------------------------------------------------------------------------------------------

def signed(call, key, may, seconds):
    """An address that needs no token, for a while."""
    query = {"se": stamp(time.time() + seconds), "sp": may, "spr": "https", "sr": "b", "sv": "2025-11-05"}
    return f"{call.host}/blobs/{urllib.parse.quote(key)}?{urllib.parse.urlencode(query | {'sig': _signature(call.lab, key, query)})}"


def _signature(lab, key, query):
    text = json.dumps([key, query.get("se"), query.get("sp")]).encode()
    return base64.b64encode(hmac.digest(lab.key, text, "sha256")).decode()


def _azure(status, code, message):
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, headers={"x-ms-error-code": code}, raw=text.encode(), type="application/xml")


def blob(call, body):
    """A request to a signed address; it is not GitHub that answers."""
    request, lab = call.request, call.lab
    key, query = request.path.removeprefix("/blobs/"), request.args.to_dict()
    call.token = None
    if "Authorization" in request.headers:
        return _azure(400, "InvalidAuthenticationInfo", "Authentication information is not given in the correct format: a signed address takes no token.")
    if not hmac.compare_digest(query.get("sig", ""), _signature(lab, key, query)) or moment(query["se"]) + 1 <= time.time():
        return _azure(403, "AuthenticationFailed", "Server failed to authenticate the request: the signature is wrong or over.")
    kept = lab.blobs.get(key)
    if request.method == "PUT" and kept and "w" in query["sp"]:
        return _put(request, kept, query, body)
    if request.method not in ("GET", "HEAD") or "r" not in query["sp"]:
        return _azure(403, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.")
    if not kept or kept["content"] is None:
        return _azure(404, "BlobNotFound", "The specified blob does not exist.")
    name = urllib.parse.quote(kept["name"])
    headers = {"Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}", "x-ms-blob-type": "BlockBlob", "ETag": f'"0x{hashlib.md5(kept["content"]).hexdigest()}"'}
    return Answer(200, headers=headers, raw=kept["content"], type=kept["type"])


def _put(request, kept, query, body):
    if "Content-Length" not in request.headers:
        return _azure(411, "MissingContentLengthHeader", "Content-Length HTTP header is missing.")
    digest = request.headers.get("Content-MD5")
    if digest and digest != base64.b64encode(hashlib.md5(body).digest()).decode():
        return _azure(400, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server.")
    match query.get("comp"):
        case None:
            if request.headers.get("x-ms-blob-type") != "BlockBlob":
                return _azure(400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified: x-ms-blob-type")
            kept["content"] = body
        case "block":
            wrong = _wrong_block(kept, query.get("blockid", ""), body)
            if wrong:
                return wrong
            kept["blocks"][query["blockid"]] = body
        case "blocklist":
            try:
                names = [entry.text for entry in xml.fromstring(body) if entry.tag in ("Latest", "Uncommitted", "Committed")]
            except xml.ParseError:
                return _azure(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
            if not set(names) <= kept["blocks"].keys():
                return _azure(400, "InvalidBlockList", "The specified block list is invalid.")
            kept["content"] = b"".join(kept["blocks"][name] for name in names)
        case other:
            return _azure(400, "InvalidQueryParameterValue", f"comp={other}")
    return Answer(201, headers={"ETag": '"0x1"', "x-ms-request-server-encrypted": "true", "x-ms-version": "2025-11-05"}, raw=b"", type="application/xml")


def _wrong_block(kept, name, body):
    try:
        plain = base64.b64decode(name, validate=True)
    except binascii.Error:
        plain = b""
    if not 0 < len(plain) <= 64:
        return _azure(400, "InvalidQueryParameterValue", "blockid is not a text in base64 of 1 to 64 bytes.")
    if any(len(other) != len(name) for other in kept["blocks"]):
        return _azure(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid: names of blocks have one length.")
    return None if body else _azure(400, "InvalidHeaderValue", "Content-Length: 0")
