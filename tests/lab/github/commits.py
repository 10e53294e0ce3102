"""Commits, their statuses, references and tags."""

from .answers import Answer, Refused, failed, not_found, paged, stamp
from .routes import route
from .state import SHA, node, user

REPO = "/repos/{owner}/{repo}"


def _commit(call):
    sha = call.repo.resolve(call.params["ref"])
    if not sha:
        raise Refused(422, f"No commit found for SHA: {call.params['ref']}")
    return sha


@route("GET", REPO + "/commits/{ref}", "contents=read")
def get(call):
    sha = _commit(call)
    about = {"message": "A change", "author": "octocat", "date": "2026-01-01T00:00:00Z", "parents": []} | call.repo.described.get(sha, {})
    person = {"name": about["author"], "email": f"{about['author']}@example.com", "date": about["date"]}
    return Answer(200, {
        "sha": sha, "node_id": node("C", sha), "url": call.url(f"commits/{sha}"), "html_url": call.web(f"commit/{sha}"), "author": user(about["author"]),
        "committer": user(about["author"]), "parents": [{"sha": p, "url": call.url(f"commits/{p}"), "html_url": call.web(f"commit/{p}")} for p in about["parents"]],
        "commit": {"message": about["message"], "author": person, "committer": person, "tree": {"sha": sha[::-1], "url": call.url(f"git/trees/{sha[::-1]}")}},
    })


# -- Statuses --------------------------------------------------------------------------------------------------------

@route("POST", REPO + "/statuses/{sha}", "statuses=write")
def set_status(call):
    sha, body = call.params["sha"], call.body
    if not SHA.fullmatch(sha):
        raise failed("Status", "sha", "sha must be a 40 character SHA1")
    if not call.repo.knows(sha):
        raise Refused(422, f"No commit found for SHA: {sha}")
    for field, longest in (("description", 140), ("context", 255)):
        if len(body.get(field) or "") > longest:
            raise failed("Status", field, f"{field} is too long (maximum is {longest} characters)")
    if body.get("target_url") and not body["target_url"].startswith(("http://", "https://")):
        raise failed("Status", "target_url", "target_url must use http(s) scheme")
    context = body.get("context", "default")
    if sum(s["sha"] == sha and s["context"].lower() == context.lower() for s in call.repo.statuses) >= 1000:
        raise failed("Status", "context", "This SHA and context has reached the maximum number of statuses.", invalid=False)
    made = {
        "id": call.lab.new_id(), "sha": sha, "state": body["state"], "description": body.get("description"), "target_url": body.get("target_url"),
        "context": context, "creator": call.token.login, "created_at": stamp(), "updated_at": stamp(),
    }
    call.repo.statuses.append(made)
    return Answer(201, _status(call, made))


def _status(call, status):
    shown = {k: status[k] for k in ("id", "state", "description", "target_url", "context", "created_at", "updated_at")}
    return shown | {"node_id": node("SC", status["id"]), "url": call.url(f"statuses/{status['sha']}"), "creator": user(status["creator"]), "avatar_url": None}


@route("GET", REPO + "/commits/{ref}/statuses", "statuses=read")
def statuses(call):
    sha = _commit(call)
    return paged(call, [_status(call, s) for s in reversed(call.repo.statuses) if s["sha"] == sha])


@route("GET", REPO + "/commits/{ref}/status", "statuses=read")
def status(call):
    sha = _commit(call)
    latest = {s["context"].lower(): s for s in call.repo.statuses if s["sha"] == sha}
    states = {s["state"] for s in latest.values()}
    state = "failure" if states & {"error", "failure"} else "pending" if "pending" in states or not states else "success"
    return Answer(200, {
        "state": state, "sha": sha, "total_count": len(latest), "statuses": [_status(call, s) for s in latest.values()], "url": call.url(f"commits/{sha}/status"),
        "commit_url": call.url(f"commits/{sha}"),
    })


# -- References ------------------------------------------------------------------------------------------------------

def _ref(call, name):
    sha = call.repo.refs[name]
    kind = "tag" if sha in call.repo.tags else "commit"
    place = f"git/{kind}s/{sha}"
    return {"ref": f"refs/{name}", "node_id": node("REF", name), "url": call.url(f"git/refs/{name}"), "object": {"type": kind, "sha": sha, "url": call.url(place)}}


@route("GET", REPO + "/git/ref/{ref}", "contents=read")
def ref(call):
    if call.params["ref"] not in call.repo.refs:
        raise not_found()
    return Answer(200, _ref(call, call.params["ref"]))


@route("GET", REPO + "/git/matching-refs/{ref}", "contents=read")
def refs(call):
    return Answer(200, [_ref(call, name) for name in sorted(call.repo.refs) if name.startswith(call.params["ref"])])


@route("GET", REPO + "/git/tags/{tag_sha}", "contents=read")
def tag(call):
    sha = call.params["tag_sha"]
    about = call.repo.tags.get(sha)
    if not about:
        raise not_found()
    tagger = {"name": "octocat", "email": "octocat@example.com", "date": "2026-01-01T00:00:00Z"}
    return Answer(200, {
        "node_id": node("T", sha), "tag": about["tag"], "sha": sha, "url": call.url(f"git/tags/{sha}"), "message": about.get("message", ""), "tagger": tagger,
        "object": {"type": "commit", "sha": about["object"], "url": call.url(f"git/commits/{about['object']}")},
    })
