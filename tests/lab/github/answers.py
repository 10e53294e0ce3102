"""Answers, refusals in GitHub's shape, pages."""

import datetime
import time
import urllib.parse

DOCS = "https://docs.github.com/rest"


class Answer:
    """`data` becomes JSON; `raw` is sent as it is."""

    def __init__(self, status=200, data=None, headers=None, raw=None, type=None):
        self.status, self.data, self.headers, self.raw, self.type = status, data, dict(headers or {}), raw, type


class Refused(Exception):
    """An error answer. `invalid`: the request is wrong whatever is kept; tests assert that there was none."""

    def __init__(self, status, message, errors=None, *, docs=None, headers=None, invalid=False):
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors
        self.docs, self.headers, self.invalid = docs, dict(headers or {}), invalid

    def answer(self, docs):
        data = {"message": self.message}
        if self.errors is not None:
            data["errors"] = self.errors
        data |= {"documentation_url": self.docs or docs or DOCS, "status": str(self.status)}
        return Answer(self.status, data, self.headers)


def wrong(*messages):
    """The request does not have the form that GitHub wants."""
    return Refused(422, "Invalid request.\n\n" + "\n".join(messages), list(messages), invalid=True)


def failed(resource, field, message=None, code="custom", invalid=True):
    """The request has the form, and one of its values is refused."""
    error = {"resource": resource, "code": code, "field": field}
    return Refused(422, "Validation Failed", [error | {"message": message} if message else error], invalid=invalid)


def not_found():
    return Refused(404, "Not Found")


def stamp(at=None):
    """GitHub's times have whole seconds."""
    return datetime.datetime.fromtimestamp(time.time() if at is None else at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def paged(call, items, field=None):
    """One page of `items`, with the links to the others; `field` names the list inside an object with a count."""
    size = min(call.query.get("per_page") or 30, 100)  # GitHub cuts without a word
    page = max(call.query.get("page") or 1, 1)
    last = max(-(-len(items) // size), 1)
    part = items[(page - 1) * size : page * size]
    data = part if field is None else {"total_count": len(items), field: part}
    links = {}
    if page > 1:
        links["prev"] = min(page - 1, last)
    if page < last:
        links |= {"next": page + 1, "last": last}
    if page > 1:
        links["first"] = 1
    return Answer(200, data, {"Link": ", ".join(f'<{_at_page(call, n)}>; rel="{name}"' for name, n in links.items())} if links else None)


def _at_page(call, page):
    # GitHub's links name the repository by its number: only a client that follows them as they are gets on.
    path = call.path.split("/", 4)
    where = f"/repositories/{call.repo.id}/{path[4]}" if call.repo and len(path) > 4 else call.path
    query = {name: text for name, text in call.request.args.items() if name != "page"} | {"page": page}
    return f"{call.base}{where}?{urllib.parse.urlencode(query)}"
