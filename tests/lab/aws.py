"""AWS for the tests: moto in this process, behind a gate that counts calls, makes them fail and adds what moto lacks.

Every instance that runs is a container with a real sshd, at the address that moto gave it, with the public key of the
instance's own key pair. CreateImage commits the container as forge-lab/ami:ID, so that a test can look inside.

Usage: aws.py IMAGE [each]          IMAGE: a container image whose entry point is sshd
Prints one line of JSON when it is ready, and ends (with its containers) when its standard input does. With `each` the line
names a socket, and each connection to it is an AWS of its own: moto is more than a second of work to read.
The tests' own door is /_lab/..., see `control`. Containers are in boxes.py, disks of the machine itself in disk.py, Session
Manager in sessions.py, MFA devices in mfa.py.
"""

import base64
import datetime
import fcntl
import io
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

IMAGES = [
    ("ami-0aaaaaaaaaaaa0001", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260101", "2026-01-01"),
    ("ami-0aaaaaaaaaaaa0002", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260801", "2026-08-01"),
    # The one whose instances have no disk of their own.
    ("ami-0aaaaaaaaaaaa0003", "ubuntu/stores/hvm-instance-jammy-20260801", "2026-08-01"),
]
# moto reads them while it is imported.
with tempfile.NamedTemporaryFile("w", prefix="forge-lab-", suffix=".json", delete=False) as file:
    json.dump(
        [
            {
                "ami_id": id, "name": name, "description": "Canonical, Ubuntu, 22.04 LTS", "owner_id": "099720109477",
                "public": True, "virtualization_type": "hvm", "architecture": "x86_64", "state": "available",
                "platform": None, "image_type": "machine", "hypervisor": "xen", "root_device_name": "/dev/sda1",
                "root_device_type": "instance-store" if "hvm-instance" in name else "ebs", "sriov": "simple", "image_location": name,
                "creation_date": f"{date}T01:02:03.000Z",
            }
            for id, name, date in IMAGES
        ],
        file,
    )
os.environ["MOTO_AMIS_PATH"] = file.name
for check in ("AMI", "KEYPAIR"):
    os.environ[f"MOTO_ENABLE_{check}_VALIDATION"] = "true"
os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"

from moto.backends import get_backend  # noqa: E402
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS  # noqa: E402
from moto.moto_api._internal import mock_random  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, generate_adhoc_ssl_context, make_server  # noqa: E402
from werkzeug.test import Client  # noqa: E402
from werkzeug.wrappers import Request, Response  # noqa: E402

from boxes import Boxes  # noqa: E402
from disk import Disks  # noqa: E402
from mfa import Mfa, Refused, code  # noqa: E402
from nursery import serve_each  # noqa: E402
from sessions import Sessions  # noqa: E402

os.unlink(file.name)
ACCOUNT = "123456789012"
lock = threading.RLock()
released = threading.Condition(lock)


def ec2(region):
    return get_backend("ec2")[ACCOUNT][region]


# One part of the network for each lab that runs: its number is a lock that ends with the process.
def own_part():
    base = os.path.join(tempfile.gettempdir(), "forge-lab-parts")
    os.makedirs(base, exist_ok=True)
    for number in range(1, 255):
        handle = open(f"{base}/{number}", "w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number, handle
        except OSError:
            handle.close()
    sys.exit("no part of the lab's network is free")


class State:
    """What a test set and what it can ask for."""

    def __init__(self):
        self.calls = []
        self.rules = []
        self.held = []
        self.open = False
        self.tokens = {}
        # What moto does not keep, by image: what was asked for.
        self.extra = {}
        self.sessions = {}
        self.lifetime = None
        # The instance that the tests run on, with no container behind it.
        self.host = None
        # Whether instances and images are there as soon as they are asked for.
        self.ready = False
        # Imports by task.
        self.imports = {}
        # Images that cannot be deregistered, and whether that lasts for a while.
        self.protected = {}
        # Seconds that instances and images take from one state to the next, and when each began.
        self.slow = {}
        self.began = {}
        self.minted = 0
        # What the job is about that asks for an identity token, and the trust policy that its role has.
        self.event = {}
        self.trust = None
        self.reply_cache = {}
        self.mfa = Mfa()


state = State()


# -- Answers ---------------------------------------------------------------------------------------------------------

def failure(service, code, message, status):
    id = str(uuid.uuid4())
    if service == "ec2":
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>"
    elif service == "s3":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>"
    elif service in ("sts", "iam"):
        body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
    else:
        return Response(json.dumps({"__type": code, "message": message}), status, content_type="application/x-amz-json-1.1")
    return Response(body, status, content_type="text/xml")


def answer(action, inner):
    space = "http://ec2.amazonaws.com/doc/2016-11-15/"
    return Response(
        f'<{action}Response xmlns="{space}"><requestId>{uuid.uuid4()}</requestId>{inner}</{action}Response>',
        200, content_type="text/xml",
    )


# -- What moto lacks -------------------------------------------------------------------------------------------------

def listed(form, prefix):
    return [v for k, v in sorted(form.items()) if re.fullmatch(re.escape(prefix) + r"\.\d+", k)]


def tags_of(form, kind):
    """The tags of the specification for `kind`."""
    for key, value in form.items():
        found = re.fullmatch(r"TagSpecification\.(\d+)\.ResourceType", key)
        if found and value == kind:
            base = f"TagSpecification.{found[1]}.Tag"
            return {form[f"{base}.{n}.Key"]: form.get(f"{base}.{n}.Value", "") for n in range(1, 60) if f"{base}.{n}.Key" in form}
    return {}


def snapshots(ami):
    snapshot = getattr(ami, "ebs_snapshot", None)
    return [snapshot.id] if snapshot else []


def fake(call):
    """An answer of ours to a call that moto does not know, or nothing."""
    form, action, region = call["form"], call["action"], call["region"]
    ami = form.get("ImageId")
    if action in ("EnableImageDeprecation", "EnableImageDeregistrationProtection", "EnableFastLaunch"):
        if ami not in ec2(region).amis:
            return failure("ec2", "InvalidAMIID.NotFound", f"The image id '[{ami}]' does not exist", 400)
        state.extra.setdefault(ami, {})[action] = {k: v for k, v in form.items() if k not in ("Action", "Version")}
        if action == "EnableImageDeregistrationProtection":
            state.protected[ami] = form.get("WithCooldown") == "true"
        if action == "EnableFastLaunch":
            return answer(action, f"<imageId>{ami}</imageId><state>enabling</state>")
        return answer(action, "<return>true</return>")
    if action == "DisableImageDeregistrationProtection":
        # The cooldown lasts a day.
        if not state.protected.get(ami):
            state.protected.pop(ami, None)
        return answer(action, "<return>true</return>")
    if action == "DeregisterImage" and ami in state.protected:
        return failure("ec2", "OperationNotPermitted", f"{ami} is protected from deregistration", 400)
    if action == "DescribeFastLaunchImages":
        items = "".join(
            f"<item><imageId>{id}</imageId><state>enabled</state></item>"
            for id in listed(form, "ImageId") if "EnableFastLaunch" in state.extra.get(id, {})
        )
        return answer(action, f"<fastLaunchImageSet>{items}</fastLaunchImageSet>")
    if action == "ImportImage":
        return start_import(form, region)
    if action == "DescribeImportImageTasks":
        wanted = listed(form, "ImportTaskId")
        tasks = [import_item(id, task) for id, task in state.imports.items() if not wanted or id in wanted]
        return answer(action, f"<importImageTaskSet>{''.join(tasks)}</importImageTaskSet>")
    if action == "CancelImportTask":
        state.imports[form["ImportTaskId"]]["status"] = "deleted"
        return answer(action, "<return>true</return>")
    if action == "ModifyImageAttribute" and ("Description.Value" in form or "ImdsSupport.Value" in form):
        state.extra.setdefault(ami, {}).update({k: v for k, v in form.items() if k.endswith(".Value")})
        if "Description.Value" in form:
            ec2(region).amis[ami].description = form["Description.Value"]
        return answer(action, "<return>true</return>")
    return None


def start_import(form, region):
    """Imports what is in S3, if it is there; the image comes with the second look."""
    token = form["ClientToken"]
    known = next((id for id, task in state.imports.items() if task["token"] == token), None)
    id = known or f"import-ami-{uuid.uuid4().hex[:17]}"
    if not known:
        bucket, key = (form[f"DiskContainer.1.UserBucket.{name}"] for name in ("S3Bucket", "S3Key"))
        body = get_backend("s3")[ACCOUNT]["aws"].get_object(bucket, key)
        state.imports[id] = {
            "token": token, "region": region, "status": "active" if body else "deleted", "looks": 0, "image": "",
            "message": "pending" if body else "ClientError: Disk validation failed", "form": dict(form),
            "size": len(body.value) if body else 0, "tags": tags_of(form, "import-image-task"),
        }
    return answer("ImportImage", f"<importTaskId>{id}</importTaskId><status>active</status>")


def import_item(id, task):
    task["looks"] += 1
    if task["status"] == "active" and task["looks"] > 2:
        backend = ec2(task["region"])
        ami = backend.register_image(name=id)
        ami.root_device_type = "ebs"
        task |= {"status": "completed", "image": ami.id, "message": "completed"}
    tags = "".join(f"<item><key>{k}</key><value>{v}</value></item>" for k, v in task["tags"].items())
    return (
        f"<item><importTaskId>{id}</importTaskId><status>{task['status']}</status><progress>{task['looks'] * 20}</progress>"
        f"<statusMessage>{task['message']}</statusMessage><imageId>{task['image']}</imageId><tagSet>{tags}</tagSet></item>"
    )


def manage(call, data):
    """Session Manager, which moto does not know, and keys that are lent for a minute."""
    action = call["action"]
    if action == "StartSession":
        target = data["Target"]
        found = sessions.start(target, data["DocumentName"], data["Parameters"], data.get("Reason", ""))
        if found is None:
            return failure("ssm", "TargetNotConnected", f"{target} is not connected.", 400)
        return Response(json.dumps(found), content_type="application/x-amz-json-1.1")
    if action == "TerminateSession":
        if not sessions.active.pop(data["SessionId"], None):
            return failure("ssm", "DoesNotExistException", "no such session", 400)
        return Response(json.dumps(data), content_type="application/x-amz-json-1.1")
    if action == "DescribeSessions":
        found = [{"SessionId": id, "Target": s["target"], "Reason": s["reason"]} for id, s in sessions.active.items()]
        return Response(json.dumps({"Sessions": found}), content_type="application/x-amz-json-1.1")
    if action == "SendSSHPublicKey":
        boxes.let_in(data["InstanceId"], data["InstanceOSUser"], f"{data['SSHPublicKey']}\n")
        return Response(json.dumps({"RequestId": "1", "Success": True}), content_type="application/x-amz-json-1.1")
    return None


def object_call(request):
    """The name of a call of S3, which is in its method and query."""
    whole = len([part for part in request.path.split("/") if part]) > 1
    names = {
        ("POST", "uploads"): "CreateMultipartUpload", ("PUT", "partNumber"): "UploadPart", ("POST", "uploadId"): "CompleteMultipartUpload",
        ("DELETE", "uploadId"): "AbortMultipartUpload", ("GET", "uploads"): "ListMultipartUploads", ("GET", "list-type"): "ListObjectsV2",
        ("POST", "delete"): "DeleteObjects", ("DELETE", "tagging"): "DeleteObjectTagging", ("GET", "tagging"): "GetObjectTagging",
    }
    found = next((name for (method, key), name in names.items() if method == request.method and key in request.args), None)
    return found or {"HEAD": "HeadObject", "DELETE": "DeleteObject", "PUT": "PutObject", "GET": "GetObject"}[request.method] if whole or found else f"{request.method} bucket"


def before(call, form):
    """Changes a request into one that moto takes; yields what to do after."""
    action, region = call["action"], call["region"]
    then = []
    untagged = {"cn": ("CreateKeyPair", "CreateSecurityGroup", "CreateImage"), "us-gov": ("CreateImage",)}
    if action in untagged.get(region.rsplit("-", 2)[0], ()) and any(key.startswith("TagSpecification.") for key in form):
        return failure("ec2", "UnsupportedOperation", f"{action} takes no tags in {region}", 400), then
    if action in ("CreateImage", "RegisterImage", "CopyImage") and (action, region, form.get("ClientToken")) not in state.tokens:
        if any(a.name == form.get("Name") and a.owner_id == ACCOUNT for a in ec2(region).amis.values()):
            return failure("ec2", "InvalidAMIName.Duplicate", f"AMI name {form.get('Name')} is already in use by AMI", 400), then
    if action == "DeleteLaunchTemplate" and "LaunchTemplateName" in form:
        if all(t.name != form["LaunchTemplateName"] for t in ec2(region).launch_templates.values()):
            return failure("ec2", "InvalidLaunchTemplateName.NotFoundException", "The specified launch template does not exist", 400), then
    if action == "CreateImage":
        backend = ec2(region)
        snapshot_tags = tags_of(form, "snapshot")
        for key in [k for k, v in form.items() if re.fullmatch(r"TagSpecification\.\d+\.ResourceType", k) and v == "snapshot"]:
            base = key.rsplit(".", 1)[0] + "."
            for part_of in [k for k in form if k.startswith(base)]:
                del form[part_of]

        def made(body):
            ami = backend.amis[re.search(r"<imageId>(.*?)</imageId>", body)[1]]
            ami.root_device_type = "ebs"
            ami.instance = None
            for snapshot in snapshots(ami):
                backend.snapshots[snapshot].add_tags(snapshot_tags)
            boxes.commit(form["InstanceId"], ami.id, wait=not state.ready)

        then.append(made)
    if action == "RegisterImage":
        backend = ec2(region)

        def registered(body):
            # moto makes a snapshot of its own in place of those that are named.
            ami = backend.amis[re.search(r"<imageId>(.*?)</imageId>", body)[1]]
            ami.root_device_type = "ebs"
            ami.add_tags(tags_of(form, "image"))
            named = form.get("BlockDeviceMapping.1.Ebs.SnapshotId")
            if named in backend.snapshots:
                made, ami.ebs_snapshot = getattr(ami, "ebs_snapshot", None), backend.snapshots[named]
                if made and made.id != named:
                    backend.snapshots.pop(made.id, None)

        then.append(registered)
    if action == "CreateVolume" and form.get("SnapshotId") and state.host:
        # moto sizes it by the snapshot's volume, which a public image has not.
        form.setdefault("Size", "8")
    if action == "AttachVolume" and form.get("InstanceId") == state.host:
        volume = ec2(region).volumes[form["VolumeId"]]
        if volume.attachment:
            return failure("ec2", "VolumeInUse", f"{volume.id} is already attached to an instance", 400), then
        disks.attach(volume.id, volume.snapshot_id or "", form["Device"])
    if action == "DetachVolume":
        disks.detach(form["VolumeId"])
    if action == "CreateSnapshot":
        volume = form["VolumeId"]
        then.append(lambda body: disks.snapshot(volume, re.search(r"<snapshotId>(.*?)</snapshotId>", body)[1]))
    if action == "DetachVolume" and "InstanceId" not in form:
        # moto wants to be told what it knows.
        volume = ec2(region).volumes.get(form["VolumeId"])
        if not volume or not volume.attachment:
            return failure("ec2", "IncorrectState", f"Volume {form['VolumeId']} is in the available state", 400), then
        form |= {"InstanceId": volume.attachment.instance.id, "Device": volume.attachment.device}
    if action == "DeleteKeyPair" and "KeyPairId" in form:
        # moto knows it by its name only.
        names = [k.key_name for k in ec2(region).key_pairs.values() if k.id == form["KeyPairId"]]
        form |= {"KeyName": names[0] if names else "none"}
    token = form.get("ClientToken")
    if action in ("CopyImage", "RunInstances", "CreateFleet") and token:
        # moto makes a second thing for the same token; AWS gives the first answer again.
        asked = dict(form)
        known, answered = state.tokens.get((action, region, token), (None, None))
        if answered is not None and action == "CopyImage" and known != asked:
            return failure("ec2", "IdempotentParameterMismatch", f"Client token {token} was used with other parameters", 400), then
        if answered is not None:
            return Response(answered, 200, content_type="text/xml"), then
        then.append(lambda body: state.tokens.update({(action, region, token): (asked, body)}))
    if action == "DeleteTags":
        # moto knows nothing of imports.
        for name in [k for k, v in form.items() if k.startswith("ResourceId.") and v in state.imports]:
            task = state.imports[form.pop(name)]
            for key in [v for k, v in form.items() if re.fullmatch(r"Tag\.\d+\.Key", k)]:
                task["tags"].pop(key, None)
        if not listed(form, "ResourceId"):
            return answer(action, "<return>true</return>"), then
    if action == "DescribeTags":
        # moto knows nothing of imports, and keeps the tags of what is gone.
        there = what_is_there(ec2(region))

        def kept(match):
            id, kind = (re.search(f"<{name}>(.*?)</{name}>", match[0])[1] for name in ("resourceId", "resourceType"))
            return match[0] if id in there.get(kind, [id]) else ""

        def also(body):
            body = re.sub(r"<item>.*?</item>", kept, body, flags=re.S)
            return re.sub(r"<tagSet\s*/>", "<tagSet></tagSet>", body).replace("</tagSet>", "".join(
                f"<item><key>{k}</key><resourceId>{id}</resourceId><resourceType>import-image-task</resourceType><value>{v}</value></item>"
                for id, task in state.imports.items() if task["region"] == region
                for k, v in task["tags"].items() if k == form.get("Filter.1.Value.1")
            ) + "</tagSet>")

        call["change"] = also
    if action == "DescribeImages":
        # moto keeps no day from which an image is deprecated, and no protection.
        def kept(body):
            for id, extra in state.extra.items():
                more = ""
                if at := extra.get("EnableImageDeprecation", {}).get("DeprecateAt"):
                    more += f"<deprecationTime>{at}</deprecationTime>"
                if id in state.protected:
                    how = "with" if state.protected[id] else "without"
                    more += f"<deregistrationProtection>enabled-{how}-cooldown</deregistrationProtection>"
                body = body.replace(f"<imageId>{id}</imageId>", f"<imageId>{id}</imageId>{more}")
            return body

        call["change"] = kept
    if action == "CopyImage":
        snapshot_tags, image_tags = tags_of(form, "snapshot"), tags_of(form, "image")
        for key in [k for k in form if k.startswith("TagSpecification.")]:
            del form[key]
        source = ec2(form["SourceRegion"]).amis.get(form["SourceImageId"])

        def copied(body):
            ami = ec2(region).amis[re.search(r"<imageId>(.*?)</imageId>", body)[1]]
            ami.root_device_type = "ebs"
            state.extra[ami.id] = {"CopyImage": {k: v for k, v in form.items() if k not in ("Action", "Version")}}
            if form.get("CopyImageTags") == "true":
                ami.add_tags({t["key"]: t["value"] for t in source.get_tags()})
            ami.add_tags(image_tags)
            ami.source_image_id, ami.source_image_region = form["SourceImageId"], form["SourceRegion"]
            for snapshot in snapshots(ami):
                ec2(region).snapshots[snapshot].add_tags(snapshot_tags)
                ec2(region).snapshots[snapshot].description = (
                    f"Copied for DestinationAmi {ami.id} from SourceAmi {source.id} for SourceSnapshot {snapshots(source)[0]}. "
                    f"Task created on {int(time.time() * 1000):,}."
                )

        then.append(copied)
    if action == "TerminateInstances":
        then += [lambda body, id=id: boxes.remove(id) for id in listed(form, "InstanceId")]
    if action == "StopInstances":
        then += [lambda body, id=id: boxes.stop(id) for id in listed(form, "InstanceId")]
    if action == "RunInstances" and boxes.spare:
        form.setdefault("PrivateIpAddress", boxes.spare[0])
    if action in ("RunInstances", "CreateFleet"):
        def ran(body):
            for id in dict.fromkeys(re.findall(r"<(?:instanceId|item)>(i-[0-9a-f]+)</", body)):
                instance = ec2(region).get_instance(id)
                instance.region = region
                key = ec2(region).key_pairs.get(instance.key_name) if instance.key_name else None
                line = f"{key.public_key.strip()} {instance.key_name}\n" if key else ""
                boxes.start(id, instance.private_ip, instance.image_id, line)

        then.append(ran)
    if action == "DeleteSecurityGroup":
        # As AWS: not while an instance uses it.
        group = form.get("GroupId")
        for reservation in ec2(region).reservations.values():
            for instance in reservation.instances:
                if instance.state != "terminated" and any(g.id == group for g in instance.security_groups):
                    return failure("ec2", "DependencyViolation", f"resource {group} has a dependent object", 400), then
    return None, then


# -- Sign-in ---------------------------------------------------------------------------------------------------------

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: E402

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
    state.minted += 1
    now = int(time.time())
    claims = {
        "iss": f"https://{ISSUER}", "aud": state.event.get("aud", request.args.get("audience", "x")),
        "iat": now, "nbf": now, "exp": now + 300, "jti": str(uuid.uuid4()),
    } | identity(state.event)
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
    if claims["jti"] in state.sessions.get("used", set()):
        return refused("InvalidIdentityToken", "The token was used before")
    if claims["exp"] < time.time():
        return refused("ExpiredTokenException", "Token expired")
    # Each partition's own, as the documents of the identity provider say.
    partition = form["RoleArn"].split(":")[1]
    if claims["aud"] != {"aws-cn": "sts.amazonaws.com.cn"}.get(partition, "sts.amazonaws.com"):
        return refused("InvalidIdentityToken", "Incorrect token audience")
    if form["RoleArn"].endswith("/refused") or state.trust and not trusted(state.trust, claims):
        return refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    state.sessions.setdefault("used", set()).add(claims["jti"])
    lasts = state.lifetime or int(form.get("DurationSeconds", 3600))
    key = "ASIA" + uuid.uuid4().hex[:16].upper()
    state.sessions[key] = time.time() + lasts
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


# -- The gate --------------------------------------------------------------------------------------------------------

KINDS = {
    "i": "instance", "ami": "image", "snap": "snapshot", "vol": "volume", "sg": "security-group", "lt": "launch-template",
    "key": "key-pair", "import-ami": "import-image-task",
}
# What a call makes, which policies see with the tags of the request.
MAKES = {
    "RunInstances": ["instance", "volume"], "CreateVolume": ["volume"], "CreateSnapshot": ["snapshot"],
    "CreateImage": ["image", "snapshot"], "CopyImage": ["snapshot"], "RegisterImage": ["image"],
    "CreateKeyPair": ["key-pair"], "CreateSecurityGroup": ["security-group"], "CreateLaunchTemplate": ["launch-template"],
    "CreateFleet": ["fleet"], "ImportImage": ["import-image-task"],
}


def what_is_there(backend):
    """Ids by kind, for those whose tags moto keeps when they are gone, and AWS does not."""
    return {
        "image": backend.amis, "snapshot": backend.snapshots, "volume": backend.volumes, "launch-template": backend.launch_templates,
        "key-pair": {key.id for key in list(backend.key_pairs.values())},
        "security-group": {id for groups in list(backend.groups.values()) for id in list(groups)},
    }


def resources(call):
    """What a call is about, as a policy sees it: the things that it names with the tags that they have, which are none for
    what is not there, and those that it makes with the tags that it asks for."""
    form = call["form"]
    if call["service"] == "iam":
        names = [("role", form.get("RoleName")), ("instance-profile", form.get("InstanceProfileName"))]
        return [{"kind": kind, "id": name, "tags": {}, "made": False} for kind, name in names if name]
    if call["service"] != "ec2":
        return []
    backend = ec2(call["region"])
    ids = {value for value in form.values() if re.fullmatch(rf"({'|'.join(KINDS)})-[0-9a-f]+", value)}
    ids |= {key.id for key in list(backend.key_pairs.values()) if key.key_name == form.get("KeyName")}
    ids |= {kept.id for kept in list(backend.launch_templates.values()) if kept.name == form.get("LaunchTemplateName")}
    there, named = what_is_there(backend), []
    for id in sorted(ids):
        kind = KINDS[id.rsplit("-", 1)[0]]
        tags = state.imports[id]["tags"] if id in state.imports else backend.tags.get(id, {})
        named.append({"kind": kind, "id": id, "made": False, "tags": dict(tags) if id in there.get(kind, [id]) else {}})
    made = list(MAKES.get(call["action"], []))
    source = backend.amis.get(form.get("ImageId"))
    if call["action"] == "RunInstances" and source and source.root_device_type == "instance-store":
        made.remove("volume")
    return named + [{"kind": kind, "id": "", "made": True, "tags": tags_of(form, kind)} for kind in made]

def read_call(request):
    scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", request.headers.get("Authorization", ""))
    form = request.form.to_dict()
    action = form.get("Action") or request.headers.get("X-Amz-Target", "").split(".")[-1]
    key, region, service = scope.groups() if scope else ("", "us-east-1", "sts" if "WebIdentity" in (action or "") else "")
    if service == "s3":
        action = object_call(request)
    if service == "s3":
        form = form | {k: v for k, v in request.headers.items() if k.lower().startswith("x-amz-tagging")}
    return {
        "service": service, "region": region, "action": action or request.path, "form": form, "key": key, "host": request.host,
        "token": request.headers.get("X-Amz-Security-Token", ""),
    }


def due(rule, call):
    if rule.get("key", call["key"]) != call["key"]:
        return False
    if rule.get("call", "*") not in ("*", call["action"]) or rule.get("region", call["region"]) != call["region"]:
        return False
    rule["seen"] = rule.get("seen", 0) + 1
    if "nth" in rule:
        first = rule["nth"]
        return first <= rule["seen"] < first + rule.get("times", 1)
    if "every" in rule:
        return rule["seen"] % rule["every"] == 0
    return "times" not in rule or rule["seen"] <= rule["times"]


def hold(call, when):
    """Keeps a call until the test lets it go; a test that kills the program never does."""
    with released:
        entry = {"action": call["action"], "when": when}
        state.held.append(entry)
        released.wait_for(lambda: state.open, timeout=60)
        state.held.remove(entry)


def gate(environ, start_response):
    request = Request(environ)
    if request.path.startswith("/_lab/"):
        return control(request)(environ, start_response)
    if request.path == "/token":
        return mint(request)(environ, start_response)
    if request.path.startswith("/latest/"):
        return metadata(request)(environ, start_response)
    body = request.get_data(cache=True)
    call = read_call(request)
    with lock:
        state.calls.append(call | {"n": len(state.calls) + 1, "at": time.time(), "resources": resources(call)})
        rules = [rule for rule in state.rules if due(rule, call)]
    for rule in rules:
        if "delay" in rule:
            time.sleep(rule["delay"])
        if "do" in rule:
            kind, id = rule["do"], rule.get("instance")
            for reservation in ec2(call["region"]).reservations.values():
                for instance in reservation.instances:
                    if kind == "terminate" and instance.state == "running":
                        ec2(call["region"]).terminate_instances([instance.id])
                        boxes.remove(instance.id)
                    if kind == "stop" and instance.state == "running":
                        ec2(call["region"]).stop_instances([instance.id])
        if rule.get("hold") == "before":
            hold(call, "before")
        if rule.get("reset") == "before":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return Response("")(environ, start_response)
        if "error" in rule:
            error = rule["error"]
            return failure(call["service"], error["code"], error.get("message", "by the lab"), error.get("status", 400))(environ, start_response)
        if "html" in rule:
            return Response("<html>no AWS</html>", rule["html"], content_type="text/html")(environ, start_response)
    response = handle(call, request, body, environ, rules)
    text = response.get_data(as_text=True)
    for rule in rules:
        for old, new in rule.get("replace", []):
            text = text.replace(old, new)
        if rule.get("hold") == "after":
            hold(call, "after")
        if rule.get("reset") == "after":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return Response("")(environ, start_response)
    response.set_data(text)
    return response(environ, start_response)


def handle(call, request, body, environ, rules=()):
    if call["action"] == "AssumeRoleWithWebIdentity":
        return exchange(call["form"])
    if call["action"] == "DecodeAuthorizationMessage":
        said = "{&quot;allowed&quot;:false,&quot;explicitDeny&quot;:true}"
        return Response(
            f"<DecodeAuthorizationMessageResponse><DecodeAuthorizationMessageResult><DecodedMessage>{said}</DecodedMessage>"
            "</DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>", 200, content_type="text/xml",
        )
    ends = state.sessions.get(call["key"])
    if ends is not None and ends < time.time():
        return failure(call["service"], "RequestExpired" if call["service"] == "ec2" else "ExpiredToken", "The security token included in the request is expired", 403)
    try:
        judged = state.mfa.answer(call, state.sessions)
    except Refused as refused:
        return failure(call["service"], *refused.args, 403)
    if judged is not None:
        return Response(judged, 200, content_type="text/xml")
    if call["action"] == "RemoveRoleFromInstanceProfile":
        # moto answers with HTTP 500 where AWS has an error of its own.
        iam = get_backend("iam")[ACCOUNT]["aws"]
        profile = next((p for p in iam.instance_profiles.values() if p.name == call["form"]["InstanceProfileName"]), None)
        if not profile or not any(r.name == call["form"]["RoleName"] for r in profile.roles):
            return failure("iam", "NoSuchEntity", "The role is not in the instance profile", 404)
    if call["service"] in ("ssm", "ec2-instance-connect"):
        managed = manage(call, json.loads(body or b"{}"))
        if managed is not None:
            return managed
    for rule in rules:
        # What moto does not know: the test looks at the request.
        if any(name in call["form"] for name in rule.get("fine", [])):
            return answer(call["action"], "<return>true</return>")
    if call["service"] == "ec2":
        faked = fake(call)
        if faked is not None:
            return faked
        form = dict(call["form"])
        early, then = before(call, form)
        if early is not None:
            return early
        for rule in rules:
            # What moto would look up in vain.
            form.pop(rule.get("drop"), None)
        if form != call["form"]:
            body = urllib.parse.urlencode(form).encode()
    else:
        then = []
    environ = dict(environ)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    for cached in [k for k in environ if k.startswith("werkzeug.request") or k == "werkzeug.parsed"]:
        del environ[cached]
    response = Response.from_app(moto, environ)
    if response.status_code == 200 and state.slow:
        response.set_data(slowed(call, response.get_data(as_text=True)))
    if response.status_code == 200 and call["action"] == "DescribeImages":
        response.set_data(unready(call, response.get_data(as_text=True)))
    if response.status_code == 200:
        text = response.get_data(as_text=True)
        if "change" in call:
            response.set_data(call["change"](text))
        with lock:
            for step in then:
                step(text)
            for rule in rules:
                if "state" in rule:
                    # An image that is not ready at once, or that failed.
                    ec2(call["region"]).amis[re.search(r"<imageId>(.*?)</imageId>", text)[1]].state = rule["state"]
    return response


def metadata(request):
    """The metadata service of the instance that the tests run on."""
    if not state.host:
        return Response("", 404)
    if request.path == "/latest/api/token":
        return Response("a-token", headers={"x-aws-ec2-metadata-token-ttl-seconds": "21600"})
    if request.path == "/latest/dynamic/instance-identity/document":
        return Response(json.dumps({"instanceId": state.host, "region": "eu-west-1", "availabilityZone": "eu-west-1a"}))
    role = "/latest/meta-data/iam/security-credentials/"
    if request.path == role:
        return Response("builder")
    if request.path == f"{role}builder":
        return Response(json.dumps({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "Expiration": "2099-01-01T00:00:00Z",
            "AccessKeyId": "ASIAINSTANCE", "SecretAccessKey": "of-the-instance", "Token": "t",
        }))
    return Response("", 404)


def unready(call, text):
    """EC2 does not tell an image's snapshots before it is ready."""
    amis = ec2(call["region"]).amis
    for ami in [amis[id] for id in re.findall(r"<imageId>(.*?)</imageId>", text) if id in amis and amis[id].owner_id == ACCOUNT]:
        begun = time.time() - state.began.get(ami.id, 0) < state.slow.get("image", 0)
        made = re.match(r"Created by CreateImage|Copied for DestinationAmi", ami.ebs_snapshot.description or "")
        if made and (begun or ami.state == "pending"):
            text = text.replace(f"<snapshotId>{ami.ebs_snapshot.id}</snapshotId>", "")
    return text


def slowed(call, text):
    """States that take their time, as in AWS: moto changes them at once."""
    now = time.time()
    steps = {"running": ("pending", 0), "stopped": ("stopping", 64), "terminated": ("shutting-down", 32)}
    begins = {"RunInstances": "running", "StartInstances": "running", "StopInstances": "stopped", "TerminateInstances": "terminated"}
    if call["action"] in begins:
        for id in set(re.findall(r"<instanceId>(.*?)</instanceId>", text)):
            state.began[id, begins[call["action"]]] = now
    if call["action"] in ("CreateImage", "CopyImage", "RegisterImage"):
        state.began[re.search(r"<imageId>(.*?)</imageId>", text)[1]] = now
    if call["action"] == "DescribeInstances":
        def item(match):
            id = re.search(r"<instanceId>(.*?)</instanceId>", match[0])[1]
            name = re.search(r"<instanceState>\s*<code>\d+</code>\s*<name>(.*?)</name>", match[0])[1]
            if name in steps and now - state.began.setdefault((id, name), now) < state.slow.get("instance", 0):
                return match[0].replace(f"<name>{name}</name>", f"<name>{steps[name][0]}</name>")
            return match[0]
        return re.sub(r"<instanceId>.*?</instanceState>", item, text, flags=re.S)
    if call["action"] == "DescribeImages":
        def image(match):
            id = re.search(r"<imageId>(.*?)</imageId>", match[0])[1]
            if id in ec2(call["region"]).amis and ec2(call["region"]).amis[id].owner_id == ACCOUNT:
                if now - state.began.setdefault(id, now) < state.slow.get("image", 0):
                    return match[0].replace("<imageState>available</imageState>", "<imageState>pending</imageState>")
            return match[0]
        return re.sub(r"<imageId>.*?</imageState>", image, text, flags=re.S)
    return text


# -- The tests' own door ---------------------------------------------------------------------------------------------

REGIONS = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "us-gov-west-1", "us-gov-east-1", "cn-north-1", "cn-northwest-1"]


def left():
    """What a build may not leave behind, as texts."""
    found = []
    for region in REGIONS:
        backend = ec2(region)
        for reservation in backend.reservations.values():
            found += [f"instance {i.id} {i.state}" for i in reservation.instances if i.state != "terminated" and i.id != state.host]
        found += [f"key pair {name}" for name in backend.key_pairs]
        found += [f"security group {g.name}" for groups in backend.groups.values() for g in groups.values() if g.name != "default"]
        own = [device.volume_id for device in backend.get_instance(state.host).block_device_mapping.values()] if state.host and region == "eu-west-1" else []
        found += [f"volume {id} {tags(v)}" for id, v in backend.volumes.items() if id not in own]
        found += [f"image {region} {a.id} {a.name} {tags(a)}" for a in backend.amis.values() if a.owner_id == ACCOUNT]
        kept = {s for a in backend.amis.values() if a.owner_id == ACCOUNT for s in snapshots(a)}
        found += [f"snapshot {region} {id} {tags(s)}" for id, s in backend.snapshots.items() if s.owner_id == ACCOUNT and id not in kept and not public_snapshot(backend, id)]
        found += [f"launch template {t.name}" for t in backend.launch_templates.values()]
    iam = get_backend("iam")[ACCOUNT]["aws"]
    found += [f"session {id} {s['reason']}" for id, s in sessions.active.items()]
    found += [f"import {id}" for id, task in state.imports.items() if task["status"] == "active"]
    for bucket in get_backend("s3")[ACCOUNT]["aws"].buckets.values():
        found += [f"object {bucket.name}/{key}" for key in bucket.keys]
        found += [f"upload {bucket.name}/{upload.key_name}" for upload in bucket.multiparts.values()]
    found += [f"device {names}" for _, names in disks.loops.values()]
    found += [f"role {role.name}" for role in iam.roles.values()]
    found += [f"profile {profile.name}" for profile in iam.instance_profiles.values()]
    return found


def public_snapshot(backend, id):
    return any(id in snapshots(a) for a in backend.amis.values())


def tags(thing):
    return {t["key"]: t["value"] for t in thing.get_tags()}


def images():
    all = {}
    for region in REGIONS:
        backend = ec2(region)
        for ami in backend.amis.values():
            if ami.owner_id == ACCOUNT:
                all[ami.id] = {
                    "region": region, "name": ami.name, "description": ami.description, "tags": tags(ami),
                    "snapshot_tags": [tags(backend.snapshots[s]) for s in snapshots(ami) if s in backend.snapshots],
                    "permissions": [{k: v for k, v in vars(p).items()} if hasattr(p, "__dict__") else p for p in getattr(ami, "launch_permissions", [])],
                    "asked": state.extra.get(ami.id, {}),
                }
    return all


def control(request):
    door = request.path.removeprefix("/_lab/")
    data = json.loads(request.get_data() or b"null")
    if door == "rules":
        with lock:
            state.rules = data
        return Response("{}")
    if door == "add-rule":
        with lock:
            state.rules.append(data)
        return Response("{}")
    if door == "calls":
        return Response(json.dumps(state.calls))
    if door == "forget-calls":
        state.calls = []
        return Response("{}")
    if door == "held":
        return Response(json.dumps(state.held))
    if door == "release":
        with released:
            state.open = True
            released.notify_all()
        return Response("{}")
    if door == "left":
        return Response(json.dumps(left()))
    if door == "images":
        return Response(json.dumps(images(), default=str))
    if door == "expire":
        # Keys that have ended.
        state.sessions[data] = 0
        return Response("{}")
    if door == "lifetime":
        state.lifetime = data
        return Response("{}")
    if door == "slow":
        state.slow = data
        return Response("{}")
    if door == "ready":
        boxes.prepare(data)
        state.ready = True
        return Response("{}")
    if door == "box":
        name = boxes.name(data)
        return Response(json.dumps(name))
    if door == "host":
        # An instance that nobody started: the tests' own machine.
        made = ask_moto(
            "ec2", Action="RunInstances", Version="2016-11-15", ImageId="ami-0aaaaaaaaaaaa0002", MinCount="1", MaxCount="1",
            InstanceType="t3.micro", SubnetId=place["subnet"],
        )
        state.host = re.search(r"<instanceId>(.*?)</instanceId>", made)[1]
        return Response(json.dumps(state.host))
    if door == "look":
        snapshot = next((s for region in REGIONS for a in ec2(region).amis.values() if a.id == data["image"] for s in snapshots(a)), "")
        return Response(json.dumps(disks.look(snapshot, data["path"])))
    if door == "sessions":
        for name, value in data.items():
            setattr(sessions, name, value)
        return Response(json.dumps({"lost": sessions.lost, "active": len(sessions.active)}))
    if door == "furnish":
        return Response(json.dumps(furnish(data)))
    if door == "image":
        # An image that somebody else made.
        ami = ec2(data["region"]).register_image(name=data["name"])
        ami.creation_date = datetime.datetime.fromisoformat(data["created"])
        return Response(json.dumps(ami.id))
    if door == "image-state":
        # What became of an image; `gone` of one that somebody has removed.
        amis = ec2(data["region"]).amis
        if data["state"] == "gone":
            amis.pop(data["id"])
        else:
            amis[data["id"]].state = data["state"]
        return Response("{}")
    if door == "parameters":
        # By region and name: value and type of data.
        found = {}
        for region, backend in get_backend("ssm")[ACCOUNT].items():
            for name in [name for name in backend._parameters.keys() if name.startswith("/forge/")]:
                parameter = backend.get_parameter(name)
                found.setdefault(region, {})[name] = [parameter.value, parameter.data_type]
        return Response(json.dumps(found))
    if door == "tag-in":
        ec2(data["region"]).create_tags([data["id"]], data["tags"])
        return Response("{}")
    if door == "profile":
        get_backend("iam")[ACCOUNT]["aws"].create_instance_profile(name=data, path="/", role_names=[])
        return Response("{}")
    if door == "reclaim":
        # What AWS does to a spot instance when it wants the capacity back.
        for reservation in list(ec2("eu-west-1").reservations.values()):
            for instance in [i for i in reservation.instances if i.is_running()]:
                ec2("eu-west-1").terminate_instances([instance.id])
                instance.state_reason.code, instance.state_reason.message = data["code"], data["message"]
                boxes.remove(instance.id)
        return Response("{}")
    if door == "protect":
        state.protected[data["image"]] = data["with_cooldown"]
        return Response("{}")
    if door == "unprotect":
        state.protected.pop(data, None)
        return Response("{}")
    if door == "group":
        # A security group of the lab's VPC that somebody else made.
        return Response(json.dumps(ec2("eu-west-1").create_security_group(data, "theirs", vpc_id=place["vpc"]).id))
    if door == "key-pair":
        ec2("eu-west-1").create_key_pair(data, "rsa", {})
        return Response("{}")
    if door == "subnet":
        # Another one of the lab's VPC, with few addresses.
        return Response(json.dumps(ec2("eu-west-1").create_subnet(place["vpc"], data, availability_zone="eu-west-1b").id))
    if door == "tag":
        get_backend("ec2")[ACCOUNT]["eu-west-1"].create_tags([data["id"]], data["tags"])
        return Response("{}")
    if door == "bucket":
        buckets = get_backend("s3")[ACCOUNT]["aws"]
        if data not in buckets.buckets:
            buckets.create_bucket(data, "eu-west-1")
        return Response("{}")
    if door == "put":
        get_backend("s3")[ACCOUNT]["aws"].put_object(data["bucket"], data["key"], b"by the lab")
        return Response("{}")
    if door == "imports":
        return Response(json.dumps([task["form"] | {"size": task["size"]} for task in state.imports.values()]))
    if door == "tokens":
        return Response(json.dumps([call["token"] for call in state.calls if call["action"] == data]))
    if door == "event":
        state.event = data
        return Response("{}")
    if door == "trust":
        state.trust = data
        return Response("{}")
    if door == "mfa":
        for name, value in data.items():
            setattr(state.mfa, name, value)
        return Response("{}")
    if door == "mfa-code":
        return Response(json.dumps(code(data or 0)))
    if door == "minted":
        return Response(json.dumps(state.minted))
    if door == "reset":
        reset()
        return Response(json.dumps(place))
    return Response("no such door", 404)


def reset():
    """All as it was at the start."""
    global state, place
    boxes.end()
    disks.end()
    sessions.reset()
    with lock:
        for name in ("ec2", "iam", "s3", "ssm", "sts"):
            for regions in get_backend(name).values():
                for backend in regions.values():
                    backend.reset()
        state = State()
        place = furnish()


def furnish(region="eu-west-1"):
    """A VPC at the addresses of this lab's containers."""
    backend = ec2(region)
    # moto knows the types of the usual partition only.
    for kind in ("region", "availability-zone"):
        usual = INSTANCE_TYPE_OFFERINGS[kind]["eu-west-1"]
        here = [offer | {"Location": offer["Location"].replace("eu-west-1", region)} for offer in usual]
        INSTANCE_TYPE_OFFERINGS[kind].setdefault(region, here)
    vpc = backend.create_vpc(f"172.30.{part}.0/24")
    size = 24 if region != "eu-west-1" else 25
    subnet = backend.create_subnet(vpc.id, f"172.30.{part}.0/{size}", availability_zone=f"{region}a")
    return {"vpc": vpc.id, "subnet": subnet.id}


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two packets: the second one would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_request(self, *_):
        pass


moto = DomainDispatcherApplication(create_backend_app)
unknown_certificate = generate_adhoc_ssl_context()


def ask_moto(service, region="eu-west-1", **form):
    scope = f"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    made = Client(moto).post("/", data=form, headers={"Authorization": scope, "Host": f"{service}.{region}.amazonaws.com"})
    return made.get_data(as_text=True)


def serve(image):
    """One AWS, until standard input ends."""
    global part, boxes, disks, sessions, place
    # A fork has moto's state of random numbers, which ids are made of.
    mock_random.seed()
    folder = tempfile.mkdtemp(prefix="forge-lab-")
    part, part_lock = own_part()
    boxes = Boxes(part, image)
    disks = Disks(folder, os.environ.get("FORGE_TEST_BUSYBOX", ""))
    # Addresses of containers are those of the instances.
    sessions = Sessions(lambda id: ec2("eu-west-1").get_instance(id).private_ip)
    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Handler)
    # The same with a certificate that nobody signed.
    unsigned = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Handler, ssl_context=unknown_certificate)
    for one in (server, unsigned):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    place = furnish()
    addresses = {"endpoint": f"http://127.0.0.1:{server.port}", "unsigned": f"https://127.0.0.1:{unsigned.port}"}
    print(json.dumps(addresses | {"part": part, "token": REQUEST_TOKEN} | place), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        sys.stdin.read()
    finally:
        boxes.end()
        disks.end()
        boxes.forget()
        shutil.rmtree(folder, ignore_errors=True)


if "each" in sys.argv[2:]:
    # What the first request of each kind makes moto read.
    for service, action in (("ec2", "DescribeVpcs"), ("sts", "GetCallerIdentity"), ("iam", "ListRoles")):
        ask_moto(service, Action=action)
    serve_each(lambda: serve(sys.argv[1]))
else:
    serve(sys.argv[1])
