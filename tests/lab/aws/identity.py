"""Sign-in: identity tokens of a job, their exchange, and the metadata service."""

import base64
import json
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from werkzeug.wrappers import Response

from . import world
from .account import ACCOUNT
from .answers import failure
from .mfa import code

signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER = "token.actions.githubusercontent.com"
REQUEST_TOKEN = "request-token-of-the-job"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def identity(event):
    """What GitHub says of a job: its environment goes before a pull request, that before branch or tag."""
    repository, ref = "octo-org/images", event.get("ref", "refs/heads/main")
    immutable = "octo-org@1234567/images@7654321"
    tail = f"ref:{ref}"
    if event.get("name") == "pull_request":
        tail, ref = "pull_request", "refs/pull/7/merge"
    if "environment" in event:
        tail = f"environment:{event['environment']}"
    workflow = event.get("workflow", "images.yml")
    return {
        "sub": f"repo:{immutable if event.get('immutable') else repository}:{tail}", "repository": repository,
        "repository_id": "7654321", "ref": ref, "event_name": event.get("name", "push"),
        "job_workflow_ref": f"{repository}/.github/workflows/{workflow}@{ref}",
    } | ({"environment": event["environment"]} if "environment" in event else {})


def trusted(policy, claims):
    """Whether a role's trust policy lets a token in, as STS decides: each condition holds for one of its values."""
    def holds(operator, key, wanted):
        given = claims.get(key.removeprefix(f"{ISSUER}:")) if key.startswith(f"{ISSUER}:") else None
        wanted = wanted if isinstance(wanted, list) else [wanted]
        return operator == "StringEquals" and given in wanted

    return any(
        statement["Effect"] == "Allow" and statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        and statement["Principal"]["Federated"].endswith(f":oidc-provider/{ISSUER}")
        and all(holds(operator, key, wanted) for operator, keys in statement["Condition"].items() for key, wanted in keys.items())
        for statement in policy["Statement"]
    )


def mint(request):
    """The address of ACTIONS_ID_TOKEN_REQUEST_URL."""
    if request.headers.get("Authorization", "").lower() != f"bearer {REQUEST_TOKEN}":
        return Response("Unauthorized", 401)
    world.state.minted += 1
    now = int(time.time())
    claims = {
        "iss": f"https://{ISSUER}", "aud": world.state.event.get("aud", request.args.get("audience", "x")),
        "iat": now, "nbf": now, "exp": now + 300, "jti": str(uuid.uuid4()),
    } | identity(world.state.event)
    head = b64(json.dumps({"alg": "RS256", "typ": "JWT", "kid": "lab"}).encode())
    body = b64(json.dumps(claims).encode())
    signature = signing_key.sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return Response(json.dumps({"count": 1, "value": f"{head}.{body}.{b64(signature)}"}), content_type="application/json")


def exchange(form):
    """AssumeRoleWithWebIdentity: the token is verified against the issuer's key, as AWS does; moto would not."""
    def refused(code, message):
        return failure("sts", code, message, 403 if code == "AccessDenied" else 400)

    try:
        head, body, signature = form["WebIdentityToken"].split(".")
        signing_key.public_key().verify(unb64(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        claims = json.loads(unb64(body))
    except Exception:
        return refused("InvalidIdentityToken", "The token could not be verified")
    if claims["jti"] in world.state.sessions.get("used", set()):
        return refused("InvalidIdentityToken", "The token was used before")
    if claims["exp"] < time.time():
        return refused("ExpiredTokenException", "Token expired")
    # Each partition's own, as the documents of the identity provider say.
    partition = form["RoleArn"].split(":")[1]
    if claims["aud"] != {"aws-cn": "sts.amazonaws.com.cn"}.get(partition, "sts.amazonaws.com"):
        return refused("InvalidIdentityToken", "Incorrect token audience")
    if form["RoleArn"].endswith("/refused") or world.state.trust and not trusted(world.state.trust, claims):
        return refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    world.state.sessions.setdefault("used", set()).add(claims["jti"])
    lasts = world.state.lifetime or int(form.get("DurationSeconds", 3600))
    key = "ASIA" + uuid.uuid4().hex[:16].upper()
    world.state.sessions[key] = time.time() + lasts
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + lasts))
    role, session = form["RoleArn"].split("/")[-1], form["RoleSessionName"]
    return Response(
        f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
        <SubjectFromWebIdentityToken>{claims["sub"]}</SubjectFromWebIdentityToken><Audience>{claims["aud"]}</Audience>
        <AssumedRoleUser><Arn>arn:{partition}:sts::{ACCOUNT}:assumed-role/{role}/{session}</Arn><AssumedRoleId>AROA:{session}</AssumedRoleId></AssumedRoleUser>
        <Credentials><SessionToken>token-{key}</SessionToken><SecretAccessKey>secret-{key}</SecretAccessKey><Expiration>{expires}</Expiration><AccessKeyId>{key}</AccessKeyId></Credentials>
        </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>""",
        200, content_type="text/xml",
    )


def metadata(request):
    """The metadata service of the instance that the tests run on."""
    if not world.state.host:
        return Response("", 404)
    if request.path == "/latest/api/token":
        return Response("a-token", headers={"x-aws-ec2-metadata-token-ttl-seconds": "21600"})
    if request.path == "/latest/dynamic/instance-identity/document":
        return Response(json.dumps({"instanceId": world.state.host, "region": "eu-west-1", "availabilityZone": "eu-west-1a"}))
    role = "/latest/meta-data/iam/security-credentials/"
    if request.path == role:
        return Response("builder")
    if request.path == f"{role}builder":
        return Response(json.dumps({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "Expiration": "2099-01-01T00:00:00Z",
            "AccessKeyId": "ASIAINSTANCE", "SecretAccessKey": "of-the-instance", "Token": "t",
        }))
    return Response("", 404)
