"""Who may do what, and how often."""

from .answers import Refused
from .state import Rate

# Without a token: the lab answers none of those, and says so with GitHub's budget for them.
NOBODY = Rate(60)
LEVELS = ("none", "read", "write", "admin")


def known(lab, request):
    """The token of a request, or nothing."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    token = lab.tokens.get(text.strip()) if scheme.lower() in ("bearer", "token") else None
    return None if token is None or token.over else token


def enter(lab, request):
    """The token of a request that may come in."""
    if not request.headers.get("User-Agent"):
        raise Refused(
            403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            " (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required).", invalid=True,
        )
    if "Authorization" not in request.headers:
        raise Refused(401, "Requires authentication")
    token = known(lab, request)
    if not token:
        raise Refused(401, "Bad credentials")
    return token


def count(token, resource):
    rate = token.rates[resource]
    rate.look()
    if rate.remaining <= 0:
        whom = f"installation ID {token.app['id']}" if token.app else f"user ID {token.login}"
        raise Refused(
            rate.status, f"API rate limit exceeded for {whom}. If you reach out to GitHub Support for help, please include the request ID 0401:LAB.",
            docs="https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api",
        )
    rate.remaining -= 1


def may(token, needed):
    """`needed` as in GitHub's header: sets that do are parted by semicolons, what a set consists of by commas."""
    def has(part):
        kind, level = part.strip().split("=")
        return LEVELS.index(token.permissions.get(kind, "none")) >= LEVELS.index(level)

    return any(all(has(part) for part in choice.split(",")) for choice in needed.split(";"))


def require(call, needed):
    token, repo = call.token, call.repo
    if repo and not repo.private and all(part.strip().endswith("=read") for choice in needed.split(";") for part in choice.split(",")):
        return
    if not may(token, needed):
        whose = "integration" if token.app else "personal access token"
        raise Refused(403, f"Resource not accessible by {whose}", headers={"X-Accepted-GitHub-Permissions": needed})
