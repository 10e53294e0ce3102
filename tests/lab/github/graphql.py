"""GraphQL, for what REST has not: the mutation minimizeComment, the viewer, whoever the token is of, and the texts that a comment has had."""

import functools
import json

from .access import count, enter, may
from .answers import Answer, Refused
from .comments import READ, WRITE
from .state import node, user

SCHEMA = """
type Query { viewer: User!, node(id: ID!): Node }
interface Node { id: ID! }
type User { id: ID!, databaseId: Int, login: String! }
type Mutation { minimizeComment(input: MinimizeCommentInput!): MinimizeCommentPayload }
input MinimizeCommentInput { subjectId: ID!, classifier: ReportedContentClassifiers!, clientMutationId: String }
enum ReportedContentClassifiers { ABUSE DUPLICATE LOW_QUALITY OFF_TOPIC OUTDATED RESOLVED SPAM }
type MinimizeCommentPayload { clientMutationId: String, minimizedComment: Minimizable }
interface Minimizable { isMinimized: Boolean!, minimizedReason: String, viewerCanMinimize: Boolean! }
type UserContentEditConnection { nodes: [UserContentEdit], totalCount: Int! }
type UserContentEdit { diff: String }
type IssueComment implements Minimizable & Node { userContentEdits(first: Int, last: Int): UserContentEditConnection, id: ID!, isMinimized: Boolean!, minimizedReason: String, viewerCanMinimize: Boolean!, body: String! }
"""


@functools.cache
def _library():
    # Read when it is first asked for: a start of the lab needs it in vain.
    import graphql

    return graphql, graphql.build_schema(SCHEMA)


def answer(call, body):
    call.token = enter(call.lab, call.request)
    count(call.token, "graphql")
    if call.request.method != "POST":
        raise Refused(404, "Not Found", invalid=True)
    try:
        given = json.loads(body)
        text, variables = given["query"], given.get("variables") or {}
    except ValueError:
        raise Refused(400, "Problems parsing JSON", invalid=True) from None
    except (KeyError, TypeError, AttributeError):
        raise Refused(400, "A query attribute must be specified and must be a string.", invalid=True) from None
    wrong = _mistakes(text)
    if wrong:
        return _refused(call, text, variables, wrong)
    library, schema = _library()
    result = library.graphql_sync(schema, text, root_value={"minimizeComment": lambda info, input: _minimize(call, input), "viewer": lambda info: _viewer(call), "node": lambda info, id: _node(call, id)}, variable_values=variables, operation_name=given.get("operationName"))
    if result.errors and result.data is None:
        return _refused(call, text, variables, [e.formatted for e in result.errors])
    # GitHub writes the kind of an error beside its message.
    errors = [{"type": (e.extensions or {}).get("type", "INTERNAL"), "path": e.path, "locations": e.formatted.get("locations"), "message": e.message} for e in result.errors or []]
    return Answer(200, {"data": result.data} | ({"errors": errors} if errors else {}))


def _mistakes(text):
    """What is wrong with a document: its form, or that it asks for what the lab has not."""
    library, schema = _library()
    try:
        document = library.parse(text)
    except library.GraphQLError as error:
        return [error.formatted]
    for operation in document.definitions:
        for field in getattr(getattr(operation, "selection_set", None), "selections", ()):
            kind, name = getattr(getattr(operation, "operation", None), "value", "fragment"), getattr(getattr(field, "name", None), "value", "?")
            if kind != "fragment" and (kind, name) not in (("mutation", "minimizeComment"), ("query", "viewer"), ("query", "node")):
                return [{"message": f"the lab answers the mutation minimizeComment and the queries viewer and node only, not the {kind} {name}"}]
    return [error.formatted for error in library.validate(schema, document)]


def _refused(call, text, variables, errors):
    """Errors in the document have the status 200, and no data."""
    call.lab.invalid.append({
        "n": len(call.lab.calls), "method": "POST", "path": call.request.path, "query": {}, "body": {"query": text, "variables": variables}, "status": 200,
        "message": errors[0]["message"], "errors": errors,
    })
    return Answer(200, {"errors": errors})


def _viewer(call):
    who = user(call.token.login)
    return {"id": who["node_id"], "databaseId": who["id"], "login": who["login"]}


def _comment(call, id, needed, of_issues):
    library, _ = _library()
    for repo in call.lab.repositories.values():
        for comment in repo.comments.values():
            if node("IC", comment["id"]) != id or not call.token.sees(repo):
                continue
            if not may(call.token, needed if comment["issue"] in repo.pulls else of_issues):
                raise library.GraphQLError("Resource not accessible by integration", extensions={"type": "FORBIDDEN"})
            return comment
    raise library.GraphQLError(f"Could not resolve to a node with the global id of '{id}'", extensions={"type": "NOT_FOUND"})


def _minimize(call, input):
    comment = _comment(call, input["subjectId"], WRITE, "issues=write")
    comment["minimized"] = input["classifier"]
    shown = {"__typename": "IssueComment", "id": input["subjectId"], "isMinimized": True, "minimizedReason": input["classifier"].lower(), "viewerCanMinimize": True}
    return {"clientMutationId": input.get("clientMutationId"), "minimizedComment": shown | {"body": comment["body"]}}


def _node(call, id):
    """A comment with its history: the newest text first, and none before it was edited. What GitHub calls a diff is a whole text."""
    comment = _comment(call, id, READ, "issues=read")

    def edits(info, first=None, last=None):
        texts = list(reversed(comment["texts"])) if len(comment["texts"]) > 1 else []
        return {"totalCount": len(texts), "nodes": [{"diff": text} for text in texts[:first]]}

    minimized = comment["minimized"]
    shown = {"isMinimized": bool(minimized), "minimizedReason": minimized and minimized.lower(), "viewerCanMinimize": True}
    return shown | {"__typename": "IssueComment", "id": id, "body": comment["body"], "userContentEdits": edits}
