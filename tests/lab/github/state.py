"""What the lab keeps."""

import base64
import itertools
import json
import re
import secrets
import threading
import time
import uuid
import zlib

from .answers import not_found, stamp

ACTIONS = {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"}
KINDS = (
    "actions", "attestations", "checks", "contents", "deployments", "issues", "metadata", "packages", "pages", "pull_requests",
    "security_events", "statuses",
)
SHA = re.compile(r"[0-9a-f]{40}")
# The commits of the first repository: its main branch, and the head and the test merge of pull request 7.
MAIN, HEAD, MERGE = "a" * 40, "b" * 40, "c" * 40


def user(login):
    """Who a name is; numbers are made from names, so that they stay the same; GraphQL has
    32 bits for them."""
    known = {"github-actions[bot]": 41898282}
    id = known.get(login, 1000 + zlib.crc32(login.encode()) % (1 << 30))
    kind = "Bot" if login.endswith("[bot]") else "User"
    web = f"https://github.com/{'apps/' + login[:-5] if kind == 'Bot' else login}"
    return {"login": login, "id": id, "node_id": node("U", id), "type": kind, "site_admin": False, "html_url": web}


def app_view(app):
    if not app:
        return None
    own = {"html_url": f"https://github.com/apps/{app['slug']}", "owner": user(app.get("owner", "octo")), "node_id": node("A", app["id"])}
    return {k: app[k] for k in ("id", "slug", "name")} | own | {"permissions": {}, "events": []}


def node(kind, id):
    return f"{kind}_{base64.urlsafe_b64encode(f'lab:{id}'.encode()).decode().rstrip('=')}"


def packed(value):
    """A part of a JSON web token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Rate:
    """A budget of calls, filled again when its time is over."""

    def __init__(self, limit=1000, remaining=None, reset_in=3600, status=403):
        self.limit, self.window, self.status = limit, reset_in, status
        self.remaining = limit if remaining is None else remaining
        self.until = time.time() + reset_in

    def look(self):
        if time.time() >= self.until:
            self.remaining, self.until = self.limit, time.time() + self.window

    def headers(self, resource):
        self.look()
        counts = {"limit": self.limit, "remaining": self.remaining, "reset": int(self.until) + 1, "used": self.limit - self.remaining, "resource": resource}
        return {f"x-ratelimit-{name}": str(count) for name, count in counts.items()}


class Token:
    """`app` nothing: a token of a person. `permissions` nothing: all of them."""

    def __init__(self, token, login="github-actions[bot]", app=ACTIONS, permissions=None, repositories=None, expires_in=None, rate=None):
        self.text, self.login, self.app = token, login, app
        given = {kind: "write" for kind in KINDS} if permissions is None else permissions
        # Every token of an app may read metadata.
        self.permissions = {"metadata": "read"} | {kind.replace("-", "_"): level for kind, level in given.items()}
        self.repositories = None if repositories is None else [name.lower() for name in repositories]
        self.expires = None if expires_in is None else time.time() + expires_in
        self.rates = {"core": Rate(**(rate or {})), "graphql": Rate()}

    @property
    def over(self):
        return self.expires is not None and time.time() >= self.expires

    def sees(self, repo):
        return self.repositories is None or repo.full_name.lower() in self.repositories


class Repository:
    def __init__(self, lab, full_name):
        self.lab, self.full_name = lab, full_name
        self.owner, self.name = full_name.split("/")
        self.id = lab.new_id()
        self.default_branch = "main"
        # Private: GitHub asks for a permission before reading too.
        self.private = True
        self.immutable_releases = False
        self.burnt_tags = set()
        # Nothing: every text of 40 hexadecimal digits is a commit.
        self.commits = None
        self.described = {}
        self.refs, self.tags = {"heads/main": MAIN}, {}
        self.pulls, self.issues, self.comments = {}, {}, {}
        self.check_runs, self.suites, self.statuses = {}, {}, []
        self.releases, self.assets = {}, {}
        self.runs, self.artifacts, self.attestations = {}, {}, {}
        self.collaborators = {self.owner: "admin"}

    def knows(self, sha):
        return bool(SHA.fullmatch(sha)) and (self.commits is None or sha in self.commits)

    def resolve(self, ref):
        """The commit of a branch, a tag or a commit's own name, or nothing."""
        for name in (ref.removeprefix("refs/"), f"heads/{ref}", f"tags/{ref}"):
            if name in self.refs:
                sha = self.refs[name]
                return self.tags[sha]["object"] if sha in self.tags else sha
        return ref if self.knows(ref) else None

    def thread(self, number):
        """An issue or pull request; both have comments."""
        found = self.pulls.get(number) or self.issues.get(number)
        if not found:
            raise not_found()
        return found

    def suite(self, app, sha):
        """One suite for each app and commit."""
        return self.suites.setdefault((app["id"], sha), self.lab.new_id())

    def add_pull(self, given):
        number = given["number"]
        made = {
            "id": self.lab.new_id(), "number": number, "title": f"Change {number}", "body": None, "state": "open", "draft": False, "merged": False,
            "author": "octocat", "head": f"change-{number}", "head_sha": HEAD, "head_repo": self.full_name, "base": self.default_branch, "base_sha": MAIN,
            "merge_commit_sha": MERGE, "commits": [], "files": [], "locked": False, "deleted": None, "created_at": stamp(), "updated_at": stamp(),
        }
        pull = self.pulls.setdefault(number, made)
        pull |= given
        self.refs[f"pull/{number}/head"] = pull["head_sha"]
        if pull["head_repo"] == self.full_name:
            self.refs.setdefault(f"heads/{pull['head']}", pull["head_sha"])
        return pull

    def add_issue(self, given):
        made = {
            "id": self.lab.new_id(), "title": "An issue", "body": None, "state": "open", "author": "octocat", "locked": False, "deleted": None,
            "created_at": stamp(), "updated_at": stamp(),
        }
        self.issues[given["number"]] = made | self.issues.get(given["number"], {}) | given

    def add_run(self, given):
        """A run of a workflow, with the names that the artifact service has for it and for its job."""
        id = given.get("id") or self.lab.new_id()
        made = {
            "id": id, "name": "Images", "path": ".github/workflows/images.yml", "event": "pull_request", "status": "in_progress", "conclusion": None,
            "head_branch": "change-7", "head_sha": HEAD, "head_repo": self.full_name, "run_number": len(self.runs) + 1, "run_attempt": 1, "actor": "octocat",
            "workflow_id": 4711, "created_at": stamp(), "backend": str(uuid.uuid4()), "job_backend": str(uuid.uuid4()),
        }
        run = self.runs.setdefault(id, made)
        run |= given
        run.setdefault("runtime_token", self.lab.runtime_token(self, run))
        return run


class Lab:
    """All of it; a reset makes it as it was at the start."""

    def __init__(self, description):
        self.description = description
        self.lock = threading.RLock()
        self.released = threading.Condition(self.lock)
        self.key = secrets.token_bytes(32)
        self.reset()

    def reset(self):
        # Numbers of GitHub no longer fit in 32 bits.
        self.ids = itertools.count(5_000_000_001)
        self.repositories, self.tokens, self.apps = {}, {}, {}
        self.runtime, self.blobs = {}, {}
        # Versions of container packages by kind of owner ("orgs" or "users"), owner, name.
        self.packages = {}
        self.rules, self.held, self.open = [], [], False
        self.calls, self.invalid = [], []
        self.settings = {"download_seconds": 60, "upload_seconds": 3600, "app_token_seconds": 3600, "inline_bundles": True, "attestations_in_a_page": 100, "asset_digests": True}
        self.tokens["lab-token"] = Token("lab-token")
        self.first = self.repository("octo/images", make=True)
        self.first.add_pull({"number": 7})
        self.first_run = self.first.add_run({})

    def new_id(self):
        return next(self.ids)

    def repository(self, full_name, make=False):
        known = self.repositories.get(full_name.lower())
        if not known and make:
            known = self.repositories[full_name.lower()] = Repository(self, full_name)
        return known

    def runtime_token(self, repo, run):
        """What the runner has in ACTIONS_RUNTIME_TOKEN: readable claims, and a signature that only its maker checks."""
        scopes = f"Actions.GenericRead:{uuid.UUID(int=0)} Actions.Results:{run['backend']}:{run['job_backend']}"
        claims = {"scp": scopes, "iss": "https://token.actions.lab", "nbf": int(time.time()), "exp": int(time.time()) + 6 * 3600}
        token = f"{packed({'alg': 'RS256', 'typ': 'JWT'})}.{packed(claims)}.{packed(secrets.token_hex(32))}"
        self.runtime[token] = (repo, run)
        return token
