"""The way of a request: rules, the token, the budget, GitHub's description, the handler, headers."""

import hashlib
import json
import re
import secrets
import socket
import time

from werkzeug.wrappers import Request, Response

from . import access, app, artifacts, attestations, checks, comments, commits, graphql, packages, pulls, releases, runs  # noqa: F401, the handlers enter themselves
from .answers import Answer, Refused, not_found
from .control import control
from .routes import ROUTES

VERSIONS = ("2022-11-28", "2026-03-10")


class Call:
    """A request on its way: where it came in, whose it is, what it asks for."""

    def __init__(self, lab, request):
        self.lab, self.request = lab, request
        # By a name it comes through the proxy for HTTPS.
        scheme = "http" if request.host.startswith("127.0.0.1") else "https"
        self.host = f"{scheme}://{request.host}"
        self.path, self.prefix, self.upload = request.path, "", False
        whole = request.environ.get("RAW_URI", "").partition("?")[0]
        if "/packages/" in whole:
            self.path = whole  # A slash in a package's name is written as %2F.
        for prefix, shown in (("/api/uploads", "/api/v3"), ("/uploads", ""), ("/api/v3", "/api/v3")):
            if self.path.startswith(prefix + "/"):
                self.path, self.prefix, self.upload = self.path[len(prefix) :], shown, "uploads" in prefix
                break
        self.base = self.host + self.prefix
        self.uploads = self.host + ("/api/uploads" if self.prefix else "/uploads")
        self.template = self.route = self.repo = self.app = None
        self.token = access.known(lab, request)
        self.params, self.query, self.body = {}, {}, {}
        # Set by a rule: an asset stays half uploaded.
        self.starter = False

    def url(self, rest):
        """Of something in the repository."""
        return f"{self.base}/repos/{self.repo.full_name}/{rest}"

    def web(self, rest):
        return f"{self.host}/{self.repo.full_name}/{rest}"


def application(lab):
    def serve(environ, start_response):
        request = Request(environ)
        body = request.get_data(cache=True)
        if request.path.startswith("/_lab/"):
            return control(lab, request, body)(environ, start_response)
        call = Call(lab, request)
        entry, rules = _arrived(lab, request, body)
        response = _through(call, body, entry, [r for r in rules if not r.get("after")], [r for r in rules if r.get("after")])
        with lab.lock:
            entry |= {"login": call.token.login if call.token else call.app and call.app["slug"], "status": response.status_code if response else None}
        if response is None:
            # No answer at all: the connection is closed.
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            response = Response("")
        return response(environ, start_response)

    return serve


def _arrived(lab, request, body):
    """Writes the request down, before anything can happen to it, and finds the rules for it."""
    with lab.lock:
        entry = {
            "n": len(lab.calls) + 1, "method": request.method, "path": request.path, "query": request.args.to_dict(), "status": None, "login": None,
            "at": time.time(), "bytes": len(body), "rule": False, "body": _json(body) if len(body) < 1 << 20 else None,
        }
        lab.calls.append(entry)
        rules = [rule for rule in lab.rules if _due(rule, request)]
        entry["rule"] = bool(rules)
    return entry, rules


def _json(body):
    try:
        return json.loads(body)
    except ValueError:
        return None


def _due(rule, request):
    """Whether the request is one of those that a rule is for.

    Which: `method`, `path` (an expression that is searched in the path), `nth` (from that one on; 1), `times` (all; with `nth` 1), `every`.
    What: `latency_ms`, `hold` (until the door release), `reset` (no answer), `status` with `message` or `body`, `headers`; `after`: once the
    request has had its effect; `starter` (with `after`, for an upload): the asset is only half there.
    """
    if rule.get("method", request.method) != request.method or not re.search(rule.get("path", ""), request.path):
        return False
    rule["seen"] = rule.get("seen", 0) + 1
    first = rule.get("nth", 1)
    if "every" in rule:
        return rule["seen"] % rule["every"] == 0
    return first <= rule["seen"] < first + rule.get("times", 1 if "nth" in rule else 1 << 60)


def _through(call, body, entry, before, after):
    """The response, or nothing when the connection is to be closed."""
    call.starter = any(rule.get("starter") for rule in after)
    stopped = _apply(call, before, "before")
    response = stopped if stopped is not _GO_ON else _response(call, body, entry)
    changed = _apply(call, after, "after")
    return response if changed is _GO_ON else changed


_GO_ON = object()


def _apply(call, rules, when):
    """What rules do: wait, hold, answer in GitHub's place, or close the connection."""
    for rule in rules:
        time.sleep(rule.get("latency_ms", 0) / 1000)
        if rule.get("hold"):
            _hold(call, when)
        if rule.get("reset"):
            return None
        if "status" in rule:
            answer = Refused(rule["status"], rule.get("message", "by the lab"), headers=rule.get("headers")).answer(None)
            if "body" in rule:
                answer = Answer(rule["status"], headers=rule.get("headers"), raw=rule["body"].encode(), type=rule.get("type", "text/html"))
            return _sent(call, answer)
    return _GO_ON


def _hold(call, when):
    """Keeps a request until the test lets it go; a test that kills the program never does."""
    lab = call.lab
    with lab.released:
        entry = {"method": call.request.method, "path": call.request.path, "when": when}
        lab.held.append(entry)
        lab.released.wait_for(lambda: lab.open or not any(other is entry for other in lab.held), timeout=60)
        lab.held = [other for other in lab.held if other is not entry]


def _response(call, body, entry):
    docs = None
    try:
        with call.lab.lock:
            answer = _service(call, body) or _api(call, body)
    except Refused as refused:
        if call.template:
            docs = call.lab.description.operation(call.request.method, call.template)["docs"]
        answer = refused.answer(docs)
        if refused.invalid:
            with call.lab.lock:
                call.lab.invalid.append({k: entry[k] for k in ("n", "method", "path", "query", "body")} | {"status": refused.status, "message": refused.message, "errors": refused.errors})
    return _sent(call, answer)


def _service(call, body):
    """What is no REST call: the runner's artifact service, signed addresses, GraphQL, a release's downloads."""
    path = call.request.path
    if path.startswith("/twirp/"):
        return artifacts.service(call, path, body)
    if path.startswith("/blobs/"):
        return artifacts.blob(call, body)
    if path in ("/graphql", "/api/graphql"):
        return graphql.answer(call, body)
    if re.match(r"/[^/]+/[^/]+/releases/download/", path):
        return releases.download(call)
    return None


def _api(call, body):
    request, lab = call.request, call.lab
    call.path = _by_name(lab, call.path)
    template, texts = lab.description.find(request.method, call.path)
    route = ROUTES.get((request.method, template))
    if route and route.by == "app":
        call.app = app.signed_by(lab, request)
    else:
        call.token = access.enter(lab, request)
    if not route or route.upload != call.upload:
        raise Refused(404, "Not Found", invalid=True)
    call.template, call.route = template, route
    if call.token and not route.free:
        access.count(call.token, "core")
    _check_headers(request)
    if "repo" in texts and not call.app:
        call.repo = lab.repository(f"{texts['owner']}/{texts['repo']}")
        if not call.repo or not call.token.sees(call.repo):
            raise not_found()
        access.require(call, route.needs)
    if lab.description.operation(request.method, template)["body"]:
        call.body = _object(body)
    call.params, call.query = lab.description.check(request.method, template, texts, request.args.to_dict(), call.body)
    answer = route.handler(call)
    if answer.data is not None:
        answer.data = lab.description.complete(request.method, template, answer.status, answer.data)
    return answer


def _by_name(lab, path):
    """/repositories/{id}/... is what GitHub's own links lead to."""
    match = re.match(r"/repositories/(\d+)(/.*)?$", path)
    repo = match and next((r for r in lab.repositories.values() if r.id == int(match[1])), None)
    return f"/repos/{repo.full_name}{match[2] or ''}" if repo else path


def _check_headers(request):
    version = request.headers.get("X-GitHub-Api-Version", VERSIONS[0])
    if version not in VERSIONS:
        raise Refused(400, f'"{version}" is not a supported version. Supported versions: {", ".join(VERSIONS)}', invalid=True)
    accepted = request.headers.get("Accept", "*/*")
    if not re.search(r"\*/\*|application/(vnd\.github[\w.+-]*|json|octet-stream|\*)", accepted):
        raise Refused(415, "Unsupported 'Accept' header: Must accept 'application/json'.", invalid=True)


def _object(body):
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        raise Refused(400, "Problems parsing JSON", invalid=True) from None
    if not isinstance(data, dict):
        raise Refused(400, "Body should be a JSON object", invalid=True)
    return data


def _sent(call, answer):
    """The answer as it goes out: a mark for unchanged content, the budget, what GitHub would have asked for."""
    body = answer.raw if answer.raw is not None else b"" if answer.data is None else json.dumps(answer.data).encode()
    kind = answer.type or ("application/json; charset=utf-8" if answer.data is not None else None)
    response = Response(body, answer.status, content_type=kind)
    if kind is None:
        response.headers.pop("Content-Type", None)
    if answer.type is None:
        # Not from the services beside the API.
        response.headers["X-GitHub-Request-Id"] = "0401:" + secrets.token_hex(8).upper()
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        response.headers["X-GitHub-Api-Version-Selected"] = call.request.headers.get("X-GitHub-Api-Version", VERSIONS[0])
        if call.prefix:
            response.headers["X-GitHub-Enterprise-Version"] = "enterprise-server@3.19.0"
        if call.route and call.route.by == "token":
            response.headers["X-Accepted-GitHub-Permissions"] = call.route.needs
        resource = "graphql" if call.request.path.endswith("/graphql") else "core"
        if call.request.method == "GET" and answer.status == 200:
            _unchanged(call, response, body)
        rate = call.token.rates[resource] if call.token else access.NOBODY
        response.headers.update(rate.headers(resource))
    response.headers.update(answer.headers)
    return response


def _unchanged(call, response, body):
    """304 where the client has it already: GitHub does not count that."""
    tag = f'W/"{hashlib.sha256(body).hexdigest()}"'
    known = [text.strip().removeprefix("W/") for text in call.request.headers.get("If-None-Match", "").split(",")]
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
    if tag.removeprefix("W/") in known or "*" in known:
        response.status_code = 304
        response.set_data(b"")
        if call.token and call.route and not call.route.free:
            call.token.rates["core"].remaining += 1
