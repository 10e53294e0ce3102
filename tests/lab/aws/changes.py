"""Calls that moto takes otherwise than AWS: what is changed in the request and in the answer."""

import re
import time

from werkzeug.wrappers import Response

from . import world
from .account import ACCOUNT, ec2, snapshots, what_is_there
from .answers import answer, failure, listed, tags_of


def before(call, form):
    """Changes a request into one that moto takes; yields what to do after."""
    action, region = call["action"], call["region"]
    then = []
    untagged = {"cn": ("CreateKeyPair", "CreateSecurityGroup", "CreateImage"), "us-gov": ("CreateImage",)}
    if action in untagged.get(region.rsplit("-", 2)[0], ()) and any(key.startswith("TagSpecification.") for key in form):
        return failure("ec2", "UnsupportedOperation", f"{action} takes no tags in {region}", 400), then
    if action in ("CreateImage", "RegisterImage", "CopyImage") and (action, region, form.get("ClientToken")) not in world.state.tokens:
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
            world.boxes.commit(form["InstanceId"], ami.id, wait=not world.state.ready)

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
    if action == "CreateVolume" and form.get("SnapshotId") and world.state.host:
        # moto sizes it by the snapshot's volume, which a public image has not.
        form.setdefault("Size", "8")
    if action == "AttachVolume" and form.get("InstanceId") == world.state.host:
        volume = ec2(region).volumes[form["VolumeId"]]
        if volume.attachment:
            return failure("ec2", "VolumeInUse", f"{volume.id} is already attached to an instance", 400), then
        world.disks.attach(volume.id, volume.snapshot_id or "", form["Device"])
    if action == "DetachVolume":
        world.disks.detach(form["VolumeId"])
    if action == "CreateSnapshot":
        volume = form["VolumeId"]
        then.append(lambda body: world.disks.snapshot(volume, re.search(r"<snapshotId>(.*?)</snapshotId>", body)[1]))
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
        known, answered = world.state.tokens.get((action, region, token), (None, None))
        if answered is not None and action == "CopyImage" and known != asked:
            return failure("ec2", "IdempotentParameterMismatch", f"Client token {token} was used with other parameters", 400), then
        if answered is not None:
            return Response(answered, 200, content_type="text/xml"), then
        then.append(lambda body: world.state.tokens.update({(action, region, token): (asked, body)}))
    if action == "DeleteTags":
        # moto knows nothing of imports.
        for name in [k for k, v in form.items() if k.startswith("ResourceId.") and v in world.state.imports]:
            task = world.state.imports[form.pop(name)]
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
                for id, task in world.state.imports.items() if task["region"] == region
                for k, v in task["tags"].items() if k == form.get("Filter.1.Value.1")
            ) + "</tagSet>")

        call["change"] = also
    if action == "DescribeImages":
        # moto keeps no day from which an image is deprecated, and no protection.
        def kept(body):
            for id, extra in world.state.extra.items():
                more = ""
                if at := extra.get("EnableImageDeprecation", {}).get("DeprecateAt"):
                    more += f"<deprecationTime>{at}</deprecationTime>"
                if id in world.state.protected:
                    how = "with" if world.state.protected[id] else "without"
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
            world.state.extra[ami.id] = {"CopyImage": {k: v for k, v in form.items() if k not in ("Action", "Version")}}
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
        then += [lambda body, id=id: world.boxes.remove(id) for id in listed(form, "InstanceId")]
    if action == "StopInstances":
        then += [lambda body, id=id: world.boxes.stop(id) for id in listed(form, "InstanceId")]
    if action == "RunInstances" and world.boxes.spare:
        form.setdefault("PrivateIpAddress", world.boxes.spare[0])
    if action in ("RunInstances", "CreateFleet"):
        def ran(body):
            for id in dict.fromkeys(re.findall(r"<(?:instanceId|item)>(i-[0-9a-f]+)</", body)):
                instance = ec2(region).get_instance(id)
                instance.region = region
                key = ec2(region).key_pairs.get(instance.key_name) if instance.key_name else None
                line = f"{key.public_key.strip()} {instance.key_name}\n" if key else ""
                world.boxes.start(id, instance.private_ip, instance.image_id, line)

        then.append(ran)
    if action == "DeleteSecurityGroup":
        # As AWS: not while an instance uses it.
        group = form.get("GroupId")
        for reservation in ec2(region).reservations.values():
            for instance in reservation.instances:
                if instance.state != "terminated" and any(g.id == group for g in instance.security_groups):
                    return failure("ec2", "DependencyViolation", f"resource {group} has a dependent object", 400), then
    return None, then
