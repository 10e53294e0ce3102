"""What a request asks for, and what the test wants to happen to it."""

import re

from . import world


def read_call(request):
    scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", request.headers.get("Authorization", ""))
    form = request.form.to_dict()
    action = form.get("Action") or request.headers.get("X-Amz-Target", "").split(".")[-1]
    key, region, service = scope.groups() if scope else ("", "us-east-1", "sts" if "WebIdentity" in (action or "") else "")
    if service == "s3":
        action = object_call(request)
    if service == "s3":
        form = form | {k: v for k, v in request.headers.items() if k.lower().startswith(("x-amz-tagging", "x-amz-server-side-encryption"))}
    return {
        "service": service, "region": region, "action": action or request.path, "form": form, "key": key, "host": request.host,
        "token": request.headers.get("X-Amz-Security-Token", ""),
    }


def object_call(request):
    """The name of a call of S3, which is in its method and query."""
    whole = len([part for part in request.path.split("/") if part]) > 1
    names = {
        ("POST", "uploads"): "CreateMultipartUpload", ("PUT", "partNumber"): "UploadPart", ("POST", "uploadId"): "CompleteMultipartUpload",
        ("DELETE", "uploadId"): "AbortMultipartUpload", ("GET", "uploads"): "ListMultipartUploads", ("GET", "list-type"): "ListObjectsV2",
        ("POST", "delete"): "DeleteObjects", ("DELETE", "tagging"): "DeleteObjectTagging", ("GET", "tagging"): "GetObjectTagging",
    }
    found = next((name for (method, key), name in names.items() if method == request.method and key in request.args), None)
    return found or {"HEAD": "HeadObject", "DELETE": "DeleteObject", "PUT": "PutObject", "GET": "GetObject"}[request.method] if whole or found else f"{request.method} bucket"


def due(rule, call):
    if rule.get("key", call["key"]) != call["key"]:
        return False
    if rule.get("call", "*") not in ("*", call["action"]) or rule.get("region", call["region"]) != call["region"]:
        return False
    rule["seen"] = rule.get("seen", 0) + 1
    if "nth" in rule:
        first = rule["nth"]
        return first <= rule["seen"] < first + rule.get("times", 1)
    if "every" in rule:
        return rule["seen"] % rule["every"] == 0
    return "times" not in rule or rule["seen"] <= rule["times"]


def hold(call, when):
    """Keeps a call until the test lets it go; a test that kills the program never does."""
    with world.released:
        entry = {"action": call["action"], "when": when}
        world.state.held.append(entry)
        world.released.wait_for(lambda: world.state.open, timeout=60)
        world.state.held.remove(entry)
