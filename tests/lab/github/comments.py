"""Comments of issues and pull requests."""

from .access import require
from .answers import Answer, Refused, failed, moment, not_found, paged, stamp
from .routes import route
from .state import app_view, node, user

ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"
WRITE = "issues=write; pull_requests=write"
READ = "issues=read; pull_requests=read"
LONGEST = 65536


def view(call, comment):
    id, number = comment["id"], comment["issue"]
    kind = "pull" if number in call.repo.pulls else "issues"
    level = call.repo.collaborators.get(comment["author"])
    return {k: comment[k] for k in ("id", "body", "created_at", "updated_at")} | {
        "node_id": node("IC", id), "url": call.url(f"issues/comments/{id}"), "issue_url": call.url(f"issues/{number}"),
        "html_url": call.web(f"{kind}/{number}#issuecomment-{id}"), "user": user(comment["author"]), "performed_via_github_app": app_view(comment["app"]),
        "author_association": "OWNER" if comment["author"] == call.repo.owner else "COLLABORATOR" if level else "NONE",
        "minimized": comment["minimized"] and {"reason": comment["minimized"].lower()},
    }


def add(repo, number, body, author, app, at=None):
    comment = {
        "id": repo.lab.new_id(), "issue": number, "body": body, "author": author, "app": app, "created_at": at or stamp(), "updated_at": at or stamp(),
        "minimized": None, "edited_by": [], "texts": [body],
    }
    repo.comments[comment["id"]] = comment
    return comment


def _thread(call, level, number=None):
    """The issue or pull request; the permission for pull requests is none for issues."""
    number = number or call.params["issue_number"]
    thread = call.repo.thread(number)
    if number in call.repo.issues:
        require(call, f"issues={level}")
    if thread.get("deleted") == 410:
        raise Refused(410, "This issue was deleted")
    if thread.get("deleted"):
        raise not_found()
    return thread


def _check(body):
    if not body.strip():
        raise failed("IssueComment", "body", "body can't be blank", code="missing_field")
    if len(body) > LONGEST:
        raise failed("IssueComment", "data", f"Body is too long (maximum is {LONGEST} characters)", code="unprocessable")


@route("POST", ISSUE + "/comments", WRITE)
def create(call):
    thread = _thread(call, "write")
    _check(call.body["body"])
    if thread.get("locked"):
        raise Refused(403, "Unable to create comment because issue is locked.", docs="https://docs.github.com/articles/locking-conversations/")
    made = add(call.repo, thread["number"], call.body["body"], call.token.login, call.token.app)
    return Answer(201, view(call, made), {"Location": call.url(f"issues/comments/{made['id']}")})


@route("GET", ISSUE + "/comments", READ)
def of_issue(call):
    thread, since = _thread(call, "read"), call.query.get("since")
    found = [c for c in call.repo.comments.values() if c["issue"] == thread["number"]]
    return paged(call, [view(call, c) for c in found if not since or moment(c["updated_at"]) >= moment(since)])


def _of(call, level):
    comment = call.repo.comments.get(call.params["comment_id"])
    if not comment:
        raise not_found()
    _thread(call, level, comment["issue"])
    return comment


@route("GET", COMMENT, READ)
def get(call):
    return Answer(200, view(call, _of(call, "read")))


@route("PATCH", COMMENT, WRITE)
def update(call):
    comment = _of(call, "write")
    _check(call.body["body"])
    comment |= {"body": call.body["body"], "updated_at": stamp()}
    comment["edited_by"].append(call.token.login)
    comment["texts"].append(comment["body"])
    return Answer(200, view(call, comment))


@route("DELETE", COMMENT, WRITE)
def delete(call):
    del call.repo.comments[_of(call, "write")["id"]]
    return Answer(204)


@route("GET", ISSUE, READ)
def issue(call):
    thread = _thread(call, "read")
    number = thread["number"]
    links = {"url": call.url(f"pulls/{number}"), "html_url": call.web(f"pull/{number}"), "merged_at": thread.get("merged_at")}
    shown = {k: thread[k] for k in ("id", "number", "title", "body", "state", "locked", "created_at", "updated_at")} | {
        "node_id": node("I", thread["id"]), "url": call.url(f"issues/{number}"), "html_url": call.web(f"issues/{number}"), "user": user(thread["author"]),
        "comments": sum(c["issue"] == number for c in call.repo.comments.values()), "closed_at": None,
    }
    return Answer(200, shown | ({"pull_request": links} if number in call.repo.pulls else {}))
