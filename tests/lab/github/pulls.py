"""Pull requests, repositories, collaborators, the budget."""

from .answers import Answer, Refused, not_found, paged
from .routes import route
from .state import Repository, node, user

REPO = "/repos/{owner}/{repo}"
MOST_FILES = 3000


def repo_view(call, repo):
    """`repo`: a repository of the lab, or the name of one elsewhere (a fork)."""
    elsewhere = not isinstance(repo, Repository)
    if elsewhere and call.lab.repository(repo):
        return repo_view(call, call.lab.repository(repo)) | {"fork": True}
    full_name = repo if elsewhere else repo.full_name
    owner, name = full_name.split("/")
    id = user(full_name)["id"] if elsewhere else repo.id
    private = not elsewhere and repo.private
    return {
        "id": id, "node_id": node("R", id), "name": name, "full_name": full_name, "owner": user(owner), "private": private, "fork": elsewhere,
        "visibility": "private" if private else "public", "html_url": f"{call.host}/{full_name}", "url": f"{call.base}/repos/{full_name}",
        "default_branch": "main" if elsewhere else repo.default_branch,
    }


def view(call, pull):
    number = pull["number"]
    head_owner = pull["head_repo"].split("/")[0] if pull["head_repo"] else "unknown"
    closed = pull["updated_at"] if pull["state"] == "closed" or pull["merged"] else None
    return {k: pull[k] for k in ("id", "number", "title", "body", "draft", "locked", "merged", "merge_commit_sha", "created_at", "updated_at")} | {
        "node_id": node("PR", pull["id"]), "url": call.url(f"pulls/{number}"), "html_url": call.web(f"pull/{number}"), "issue_url": call.url(f"issues/{number}"),
        "comments_url": call.url(f"issues/{number}/comments"), "state": "closed" if closed else "open", "user": user(pull["author"]),
        "closed_at": closed, "merged_at": closed if pull["merged"] else None, "mergeable": None if closed else True, "changed_files": len(pull["files"]),
        "head": {
            "label": f"{head_owner}:{pull['head']}", "ref": pull["head"], "sha": pull["head_sha"], "user": user(head_owner),
            "repo": pull["head_repo"] and repo_view(call, call.repo if pull["head_repo"] == call.repo.full_name else pull["head_repo"]),
        },
        "base": {
            "label": f"{call.repo.owner}:{pull['base']}", "ref": pull["base"], "sha": pull["base_sha"], "user": user(call.repo.owner), "repo": repo_view(call, call.repo),
        },
    }


def _of(call):
    pull = call.repo.pulls.get(call.params["pull_number"])
    if not pull or pull["deleted"]:
        raise not_found()
    return pull


@route("GET", REPO + "/pulls/{pull_number}", "pull_requests=read")
def get(call):
    return Answer(200, view(call, _of(call)))


@route("GET", REPO + "/pulls", "pull_requests=read")
def all_pulls(call):
    shown, query = [view(call, p) for p in call.repo.pulls.values() if not p["deleted"]], call.query
    if query["state"] != "all":
        shown = [p for p in shown if p["state"] == query["state"]]
    if ":" in query.get("head", ""):
        # Without an owner GitHub does not look at it, and answers with all.
        shown = [p for p in shown if p["head"]["label"] == query["head"]]
    if "base" in query:
        shown = [p for p in shown if p["base"]["ref"] == query["base"]]
    newest_first = query.get("direction", "desc" if query["sort"] == "created" else "asc") == "desc"
    return paged(call, sorted(shown, key=lambda p: p["number"], reverse=newest_first))


@route("GET", REPO + "/pulls/{pull_number}/files", "pull_requests=read")
def files(call):
    pull = _of(call)
    found = []
    for file in pull["files"][:MOST_FILES]:
        given = {"status": "modified", "additions": 1, "deletions": 0, "changes": 1, "sha": "d" * 40} | ({"filename": file} if isinstance(file, str) else file)
        found.append(given | {"blob_url": call.web(f"blob/{pull['head_sha']}/{given['filename']}"), "contents_url": call.url(f"contents/{given['filename']}")})
    return paged(call, found)


@route("GET", REPO + "/commits/{commit_sha}/pulls", "pull_requests=read")
def of_commit(call):
    sha = call.params["commit_sha"]
    if not call.repo.resolve(sha):
        raise Refused(422, f"No commit found for SHA: {sha}")
    return paged(call, [view(call, p) for p in call.repo.pulls.values() if sha in (p["head_sha"], p["merge_commit_sha"], *p["commits"]) and not p["deleted"]])


@route("GET", REPO)
def repository(call):
    mine = {level: call.token.permissions.get("contents") in levels for level, levels in (("pull", ("read", "write")), ("push", ("write",)), ("admin", ()))}
    return Answer(200, repo_view(call, call.repo) | {"permissions": mine | {"triage": False, "maintain": False}})


@route("GET", REPO + "/collaborators/{username}/permission")
def permission(call):
    level = call.repo.collaborators.get(call.params["username"], "none" if call.repo.private else "read")
    # Two roles are no levels of their own for older clients.
    old = {"triage": "read", "maintain": "write"}.get(level, level)
    return Answer(200, {"permission": old, "role_name": level, "user": user(call.params["username"])})


@route("GET", "/user")
def own_account(call):
    """Whose token it is: an App's has nobody behind it."""
    if call.token.app:
        raise Refused(403, "Resource not accessible by integration")
    return Answer(200, user(call.token.login))


@route("GET", "/rate_limit", free=True)
def budget(call):
    shown = {}
    for name, rate in call.token.rates.items():
        rate.look()
        shown[name] = {"limit": rate.limit, "remaining": rate.remaining, "reset": int(rate.until) + 1, "used": rate.limit - rate.remaining}
    return Answer(200, {"resources": shown, "rate": shown["core"]})
