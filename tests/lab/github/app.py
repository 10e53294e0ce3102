"""GitHub Apps: what an app may ask with a token that it signed itself, and the tokens that it gets for that."""

import base64
import binascii
import json
import secrets
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from .access import LEVELS
from .answers import Answer, Refused, not_found, stamp
from .routes import route
from .state import Token, app_view, node, user


def _unpacked(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def signed_by(lab, request):
    """The app whose key signed the request's token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        head, claims, signature = token.split(".")
        algorithm, claims_read = json.loads(_unpacked(head))["alg"], json.loads(_unpacked(claims))
        app = lab.apps.get(str(claims_read.get("iss")))
        if scheme.lower() != "bearer" or algorithm != "RS256" or not app:
            raise ValueError("not for an app of the lab")
        key = serialization.load_pem_public_key(app["public_key"].encode())
        key.verify(_unpacked(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, KeyError, AttributeError, binascii.Error, InvalidSignature):
        raise Refused(401, "A JSON web token could not be decoded") from None
    now, begins, ends = time.time(), claims_read.get("iat"), claims_read.get("exp")
    if not isinstance(begins, int) or begins > now + 5:
        raise Refused(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
    if not isinstance(ends, int) or ends <= now:
        raise Refused(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
    # Clients set their clock back a minute, so it is the distance that counts for them; GitHub looks at its own clock.
    if ends > now + 600:
        raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")
    return app


def _installation(call, app, place):
    return {
        "id": place["id"], "app_id": app["id"], "app_slug": app["slug"], "account": user(call.lab.first.owner), "target_type": "Organization",
        "repository_selection": "selected", "permissions": place["permissions"], "events": [], "access_tokens_url": f"{call.base}/app/installations/{place['id']}/access_tokens",
        "repositories_url": f"{call.base}/installation/repositories", "created_at": stamp(), "updated_at": stamp(), "suspended_at": None, "suspended_by": None,
    }


@route("GET", "/app", by="app")
def own_app(call):
    return Answer(200, app_view(call.app))


@route("GET", "/repos/{owner}/{repo}/installation", by="app")
def of_repository(call):
    wanted = f"{call.params['owner']}/{call.params['repo']}".lower()
    for place in call.app["installations"]:
        if wanted in [name.lower() for name in place["repositories"]]:
            return Answer(200, _installation(call, call.app, place))
    raise not_found()


@route("POST", "/app/installations/{installation_id}/access_tokens", by="app")
def new_token(call):
    place = next((p for p in call.app["installations"] if p["id"] == call.params["installation_id"]), None)
    if not place:
        raise not_found()
    asked = call.body.get("permissions", place["permissions"])
    if any(LEVELS.index(level) > LEVELS.index(place["permissions"].get(kind, "none")) for kind, level in asked.items()):
        raise Refused(422, "The permissions requested are not granted to this installation.")
    names = place["repositories"]
    if "repositories" in call.body or "repository_ids" in call.body:
        names = [n for n in names if n.split("/")[1] in call.body.get("repositories", []) or _repo_id(call, n) in call.body.get("repository_ids", [])]
        if len(names) < len(call.body.get("repositories", [])) + len(call.body.get("repository_ids", [])):
            raise Refused(422, "There is at least one repository that does not exist or is not accessible to the parent installation.")
    lifetime = call.lab.settings["app_token_seconds"]
    token = Token(f"ghs_{secrets.token_hex(18)}", f"{call.app['slug']}[bot]", call.app, asked, names, lifetime, {"limit": 5000})
    call.lab.tokens[token.text] = token
    made = {"token": token.text, "expires_at": stamp(token.expires), "permissions": asked, "repository_selection": "selected"}
    return Answer(201, made | {"repositories": [{"full_name": n, "name": n.split("/")[1], "node_id": node("R", n)} for n in names]})


def _repo_id(call, name):
    repo = call.lab.repository(name)
    return repo and repo.id


@route("DELETE", "/installation/token")
def give_back(call):
    del call.lab.tokens[call.token.text]
    return Answer(204)
