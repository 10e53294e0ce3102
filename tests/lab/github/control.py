"""The tests' own door, /_lab/...: what is there to begin with, what happens to requests, what was kept of them."""

import hashlib
import io
import json
import zipfile

from werkzeug.wrappers import Response

from . import artifacts, attestations, checks, comments, releases
from .proxy import start as start_proxy
from .state import ACTIONS, HEAD, Rate, Token, node

DOORS = {}


def door(handler):
    DOORS[handler.__name__.replace("_", "-")] = handler
    return handler


def control(lab, request, body):
    handler = DOORS.get(request.path.removeprefix("/_lab/"))
    if not handler:
        return Response(f"no such door; there are {', '.join(DOORS)}", 404)
    try:
        with lab.lock:
            data = handler(lab, json.loads(body or b"null"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Response(f"{type(error).__name__}: {error}", 400)
    return Response(json.dumps(data), content_type="application/json")


@door
def rules(lab, data):
    """Replaces all rules."""
    lab.rules, lab.open = data or [], False
    return {}


@door
def calls(lab, _):
    return lab.calls


@door
def forget_calls(lab, _):
    """And the mistakes in them."""
    lab.calls, lab.invalid = [], []
    return {}


@door
def invalid(lab, _):
    """The requests that were refused whatever is kept: mistakes of the program under test."""
    return lab.invalid


@door
def held(lab, _):
    return lab.held


@door
def release(lab, _):
    """Lets all held requests go, and holds no others until there are new rules."""
    lab.held, lab.open = [], True
    lab.released.notify_all()
    return {}


@door
def reset(lab, _):
    lab.reset()
    lab.released.notify_all()
    return lab.place()


@door
def settings(lab, data):
    lab.settings |= data or {}
    return lab.settings


@door
def tokens(lab, data):
    """Adds tokens, or makes those of the same text anew; a text alone is taken away."""
    for given in data:
        if isinstance(given, str):
            lab.tokens.pop(given, None)
        else:
            lab.tokens[given["token"]] = Token(**given | ({"app": ACTIONS | given["app"]} if given.get("app") else {}))
    return {}


@door
def rate(lab, data):
    """The budget of a token that is there."""
    token, resource = data.pop("token"), data.pop("resource", "core")
    lab.tokens[token].rates[resource] = Rate(**data)
    return {}


@door
def apps(lab, data):
    for given in data:
        lab.apps[str(given["id"])] = {"name": given["slug"], "installations": []} | given
        for place in given.get("installations", []):
            place["permissions"] = {kind.replace("-", "_"): level for kind, level in place.get("permissions", {"metadata": "read"}).items()}
    return {}


@door
def packages(lab, data):
    """Adds packages, or makes those of the same name anew; answers with all that are there."""
    for given in data or []:
        versions = [{"id": lab.new_id(), "digest": "sha256:" + "0" * 64} | version for version in given["versions"]]
        lab.packages[(given.get("kind", "orgs"), given["owner"].lower(), given["name"])] = versions
    return [{"kind": kind, "owner": owner, "name": name, "versions": versions} for (kind, owner, name), versions in lab.packages.items()]


@door
def proxy(lab, _):
    """Starts one; see proxy.py."""
    return start_proxy(lab.place()["endpoint"])


@door
def repository(lab, data):
    """Makes a repository or adds to it; answers with the numbers of what was added."""
    repo = lab.repository(data.get("name", "octo/images"), make=True)
    for key in ("private", "default_branch", "immutable_releases"):
        setattr(repo, key, data.get(key, getattr(repo, key)))
    if "commits" in data:
        given = [c if isinstance(c, dict) else {"sha": c} for c in data["commits"] or []]
        repo.commits = None if data["commits"] is None else {c["sha"] for c in given}
        repo.described |= {c["sha"]: c for c in given}
    repo.refs |= data.get("refs", {})
    for tag in data.get("annotated_tags", []):
        sha = tag.setdefault("sha", hashlib.sha1(tag["tag"].encode()).hexdigest())
        repo.tags[sha] = tag
        repo.refs[f"tags/{tag['tag']}"] = sha
    repo.collaborators |= data.get("collaborators", {})
    for pull in data.get("pulls", []):
        repo.add_pull(pull)
    for issue in data.get("issues", []):
        repo.add_issue(issue)
    return {
        "id": repo.id,
        "comments": [_comment(repo, given) for given in data.get("comments", [])],
        "check_runs": [_check(repo, given) for given in data.get("check_runs", [])],
        "runs": [{k: run[k] for k in ("id", "runtime_token")} for run in map(repo.add_run, data.get("runs", []))],
        "artifacts": [_artifact(repo, given) for given in data.get("artifacts", [])],
        "attestations": [attestations.add(repo, given) for given in data.get("attestations", [])],
        "releases": [releases.add(repo, given, "octocat")["id"] for given in data.get("releases", [])],
    }


def _comment(repo, given):
    """By somebody else, as a rule."""
    app = ACTIONS | given["app"] if given.get("app") else None
    return comments.add(repo, given.get("issue", 7), given["body"], given.get("author", "octocat"), app, given.get("created_at"))["id"]


def _check(repo, given):
    return checks.add(repo, {"name": "build", "head_sha": HEAD} | given | {"app": ACTIONS | given.get("app", {})})["id"]


def _artifact(repo, given):
    run = repo.runs[given.get("run", next(iter(repo.runs)))]
    made = artifacts.add(repo, run, given["name"])
    repo.lab.blobs[made["key"]]["content"] = artifacts.zipped(given["files"])
    artifacts.finish(repo.lab, made)
    made["expired"] = given.get("expired", False)
    return made["id"]


# -- What was kept ---------------------------------------------------------------------------------------------------

@door
def state(lab, data):
    repo = lab.repository((data or {}).get("repository", "octo/images"))
    return {
        "repositories": [r.full_name for r in lab.repositories.values()],
        "check_runs": [run | {"app": run["app"]["slug"]} for run in repo.check_runs.values()],
        "comments": [c | {"app": c["app"] and c["app"]["slug"], "node_id": node("IC", c["id"])} for c in repo.comments.values()],
        "statuses": repo.statuses, "refs": repo.refs, "pulls": list(repo.pulls.values()),
        "releases": [r | {"assets": [_kept(lab, a) for a in repo.assets.values() if a["release"] == r["id"]]} for r in repo.releases.values()],
        "artifacts": [_kept(lab, a) | {"files": _files(lab.blobs[a["key"]]["content"])} for a in repo.artifacts.values()],
        "runs": list(repo.runs.values()),
    }


def _kept(lab, thing):
    content = lab.blobs[thing["key"]]["content"]
    return {k: v for k, v in thing.items() if k != "key"} | {"text": _text(content)}


def _text(content):
    """Content that can be read, if it is short."""
    try:
        return content.decode() if content is not None and len(content) <= 64 << 10 else None
    except UnicodeDecodeError:
        return None


def _files(content):
    """What is in an archive, by path."""
    if content is None or not zipfile.is_zipfile(io.BytesIO(content)):
        return None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry.filename: {"size": entry.file_size, "text": _text(archive.read(entry))} for entry in archive.infolist() if not entry.is_dir()}
