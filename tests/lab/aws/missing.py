"""Calls that moto does not know."""

import json
import uuid

from moto.backends import get_backend
from werkzeug.wrappers import Response

from . import world
from .account import ACCOUNT, ec2, snapshots, tags
from .answers import answer, failure, listed, tags_of


def fake(call):
    """An answer of ours to a call that moto does not know, or nothing."""
    form, action, region = call["form"], call["action"], call["region"]
    ami = form.get("ImageId")
    if action in ("EnableImageDeprecation", "EnableImageDeregistrationProtection", "EnableFastLaunch"):
        if ami not in ec2(region).amis:
            return failure("ec2", "InvalidAMIID.NotFound", f"The image id '[{ami}]' does not exist", 400)
        world.state.extra.setdefault(ami, {})[action] = {k: v for k, v in form.items() if k not in ("Action", "Version")}
        if action == "EnableImageDeregistrationProtection":
            world.state.protected[ami] = form.get("WithCooldown") == "true"
        if action == "EnableFastLaunch" and any(k.startswith("LaunchTemplate.") for k in form) and "LaunchTemplate.Version" not in form:
            return failure("ec2", "MissingParameter", "The request must contain the parameter LaunchTemplate.Version", 400)
        if action == "EnableFastLaunch":
            return answer(action, f"<imageId>{ami}</imageId><state>enabling</state>")
        return answer(action, "<return>true</return>")
    if action == "DisableImageDeregistrationProtection":
        # The cooldown lasts a day.
        if not world.state.protected.get(ami):
            world.state.protected.pop(ami, None)
        return answer(action, "<return>true</return>")
    if action == "DeregisterImage" and ami in world.state.protected:
        return failure("ec2", "OperationNotPermitted", f"{ami} is protected from deregistration", 400)
    if action == "DescribeFastLaunchImages":
        items = "".join(
            f"<item><imageId>{id}</imageId><state>enabled</state></item>"
            for id in listed(form, "ImageId") if "EnableFastLaunch" in world.state.extra.get(id, {})
        )
        return answer(action, f"<fastLaunchImageSet>{items}</fastLaunchImageSet>")
    if action == "ImportImage":
        return start_import(form, region)
    if action == "DescribeImportImageTasks":
        wanted = listed(form, "ImportTaskId")
        tasks = [import_item(id, task) for id, task in world.state.imports.items() if not wanted or id in wanted]
        return answer(action, f"<importImageTaskSet>{''.join(tasks)}</importImageTaskSet>")
    if action == "CancelImportTask":
        world.state.imports[form["ImportTaskId"]]["status"] = "deleted"
        return answer(action, "<return>true</return>")
    if action == "ModifyImageAttribute" and ("Description.Value" in form or "ImdsSupport.Value" in form):
        world.state.extra.setdefault(ami, {}).update({k: v for k, v in form.items() if k.endswith(".Value")})
        if "Description.Value" in form:
            ec2(region).amis[ami].description = form["Description.Value"]
        return answer(action, "<return>true</return>")
    return None


def start_import(form, region):
    """Imports what is in S3, if it is there; the image comes with the second look."""
    token = form["ClientToken"]
    known = next((id for id, task in world.state.imports.items() if task["token"] == token), None)
    id = known or f"import-ami-{uuid.uuid4().hex[:17]}"
    if not known:
        bucket, key = (form[f"DiskContainer.1.UserBucket.{name}"] for name in ("S3Bucket", "S3Key"))
        body = get_backend("s3")[ACCOUNT]["aws"].get_object(bucket, key)
        world.state.imports[id] = {
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
        for snapshot in snapshots(ami):
            backend.snapshots[snapshot].description = f"Created by AWS-VMImport service for {id}"
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
        found = world.sessions.start(target, data["DocumentName"], data["Parameters"], data.get("Reason", ""))
        if found is None:
            return failure("ssm", "TargetNotConnected", f"{target} is not connected.", 400)
        return Response(json.dumps(found), content_type="application/x-amz-json-1.1")
    if action == "TerminateSession":
        if not world.sessions.active.pop(data["SessionId"], None):
            return failure("ssm", "DoesNotExistException", "no such session", 400)
        return Response(json.dumps(data), content_type="application/x-amz-json-1.1")
    if action == "DescribeSessions":
        found = [{"SessionId": id, "Target": s["target"], "Reason": s["reason"]} for id, s in world.sessions.active.items()]
        return Response(json.dumps({"Sessions": found}), content_type="application/x-amz-json-1.1")
    if action == "SendSSHPublicKey":
        world.boxes.let_in(data["InstanceId"], data["InstanceOSUser"], f"{data['SSHPublicKey']}\n")
        return Response(json.dumps({"RequestId": "1", "Success": True}), content_type="application/x-amz-json-1.1")
    return None
