"""Calls that moto takes otherwise than AWS: what is changed in the request and in the answer."""

import re
import time

from werkzeug.wrappers import Response

from . import world
from .account import ACCOUNT, ec2, snapshots, what_is_there
from .answers import answer, failure, listed, tags_of

# Actions and what is done for them, in this order.
CHANGES = []


def of(*actions):
    """A change of those calls: gets the call, its form to change, and a list for what is to be done with the body of moto's
    answer. What it returns is the answer in place of moto's."""
    def listing(change):
        CHANGES.append((actions, change))
        return change

    return listing


def before(call, form):
    """Changes a request into one that moto takes; yields an answer in place of moto's, or what to do after."""
    then = []
    for actions, change in CHANGES:
        if call["action"] in actions:
            early = change(call, form, then)
            if early is not None:
                return early, then
    return None, then


def image_of(call, body):
    """The image that an answer names."""
    return ec2(call["region"]).amis[re.search(r"<imageId>(.*?)</imageId>", body)[1]]


@of("CreateKeyPair", "CreateSecurityGroup", "CreateImage")
def take_no_tags(call, form, _):
    untagged = {"cn": ("CreateKeyPair", "CreateSecurityGroup", "CreateImage"), "us-gov": ("CreateImage",)}
    partition = call["region"].rsplit("-", 2)[0]
    if call["action"] in untagged.get(partition, ()) and any(key.startswith("TagSpecification.") for key in form):
        return failure("ec2", "UnsupportedOperation", f"{call['action']} takes no tags in {call['region']}", 400)


@of("CreateImage", "RegisterImage", "CopyImage")
def refuse_a_name_twice(call, form, _):
    again = (call["action"], call["region"], form.get("ClientToken")) in world.state.tokens
    name = form.get("Name")
    if not again and any(a.name == name and a.owner_id == ACCOUNT for a in ec2(call["region"]).amis.values()):
        return failure("ec2", "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI", 400)


@of("DeleteLaunchTemplate")
def miss_a_launch_template(call, form, _):
    name = form.get("LaunchTemplateName")
    if name and all(t.name != name for t in ec2(call["region"]).launch_templates.values()):
        return failure("ec2", "InvalidLaunchTemplateName.NotFoundException", "The specified launch template does not exist", 400)


@of("CreateImage")
def create_image(call, form, then):
    snapshot_tags = tags_of(form, "snapshot")
    for key in [k for k, v in form.items() if re.fullmatch(r"TagSpecification\.\d+\.ResourceType", k) and v == "snapshot"]:
        base = key.rsplit(".", 1)[0] + "."
        for part in [k for k in form if k.startswith(base)]:
            del form[part]

    def made(body):
        ami = image_of(call, body)
        ami.root_device_type = "ebs"
        ami.instance = None
        for snapshot in snapshots(ami):
            ec2(call["region"]).snapshots[snapshot].add_tags(snapshot_tags)
        world.boxes.commit(form["InstanceId"], ami.id)

    then.append(made)


@of("RegisterImage")
def register_image(call, form, then):
    """moto makes a snapshot of its own in place of those that are named."""
    known = ec2(call["region"]).snapshots

    def registered(body):
        ami = image_of(call, body)
        ami.root_device_type = "ebs"
        ami.add_tags(tags_of(form, "image"))
        named = form.get("BlockDeviceMapping.1.Ebs.SnapshotId")
        ami.bundle = "ImageLocation" in form
        if named in known:
            made, ami.ebs_snapshot = getattr(ami, "ebs_snapshot", None), known[named]
            if made and made.id != named:
                known.pop(made.id, None)

    then.append(registered)


@of("CreateVolume")
def size_a_volume(_call, form, _):
    """moto sizes it by the snapshot's volume, which a public image has not."""
    if form.get("SnapshotId") and world.state.host:
        form.setdefault("Size", "8")


@of("AttachVolume")
def attach_volume(call, form, _):
    if form.get("InstanceId") != world.state.host:
        return None
    volume = ec2(call["region"]).volumes[form["VolumeId"]]
    if volume.attachment:
        return failure("ec2", "VolumeInUse", f"{volume.id} is already attached to an instance", 400)
    world.disks.attach(volume.id, volume.snapshot_id or "", form["Device"])


@of("DetachVolume")
def detach_volume(call, form, _):
    """moto wants to be told what it knows."""
    world.disks.detach(form["VolumeId"])
    if "InstanceId" in form:
        return None
    volume = ec2(call["region"]).volumes.get(form["VolumeId"])
    if not volume or not volume.attachment:
        return failure("ec2", "IncorrectState", f"Volume {form['VolumeId']} is in the available state", 400)
    form |= {"InstanceId": volume.attachment.instance.id, "Device": volume.attachment.device}


@of("CreateSnapshot")
def create_snapshot(_call, form, then):
    volume = form["VolumeId"]
    then.append(lambda body: world.disks.snapshot(volume, re.search(r"<snapshotId>(.*?)</snapshotId>", body)[1]))


@of("DeleteKeyPair")
def name_a_key_pair(call, form, _):
    """moto knows it by its name only."""
    if "KeyPairId" in form:
        names = [k.key_name for k in ec2(call["region"]).key_pairs.values() if k.id == form["KeyPairId"]]
        form |= {"KeyName": names[0] if names else "none"}


@of("CreateFleet")
def in_the_subnet_of_the_template(call, form, _):
    # moto looks for the subnet of a fleet's instance everywhere but in the template's network interface.
    named = form.get("LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateName")
    templates = ec2(call["region"]).launch_templates.values()
    data = next((template.latest_version().data for template in templates if template.name == named), {})
    subnet = next((interface["SubnetId"] for interface in data.get("NetworkInterfaces", []) if "SubnetId" in interface), None)
    for key in [key for key in form if subnet and re.fullmatch(r"LaunchTemplateConfigs\.1\.Overrides\.\d+\.InstanceType", key)]:
        form[key.removesuffix("InstanceType") + "SubnetId"] = subnet


@of("CopyImage", "RunInstances", "CreateFleet")
def answer_a_token_again(call, form, then):
    """moto makes a second thing for the same token; AWS gives the first answer again."""
    token = form.get("ClientToken")
    if not token:
        return None
    place, asked = (call["action"], call["region"], token), dict(form)
    known, answered = world.state.tokens.get(place, (None, None))
    if answered is not None and call["action"] == "CopyImage" and known != asked:
        return failure("ec2", "IdempotentParameterMismatch", f"Client token {token} was used with other parameters", 400)
    if answered is not None:
        return Response(answered, 200, content_type="text/xml")
    then.append(lambda body: world.state.tokens.update({place: (asked, body)}))


@of("DeleteTags")
def untag_imports(call, form, _):
    """moto knows nothing of imports."""
    for name in [k for k, v in form.items() if k.startswith("ResourceId.") and v in world.state.imports]:
        task = world.state.imports[form.pop(name)]
        for key in [v for k, v in form.items() if re.fullmatch(r"Tag\.\d+\.Key", k)]:
            task["tags"].pop(key, None)
    if not listed(form, "ResourceId"):
        return answer(call["action"], "<return>true</return>")


@of("DescribeTags")
def tell_tags_of_what_is_there(call, form, _):
    """moto knows nothing of imports, and keeps the tags of what is gone."""
    there = what_is_there(ec2(call["region"]))

    def kept(match):
        id, kind = (re.search(f"<{name}>(.*?)</{name}>", match[0])[1] for name in ("resourceId", "resourceType"))
        return match[0] if id in there.get(kind, [id]) else ""

    def also(body):
        body = re.sub(r"<item>.*?</item>", kept, body, flags=re.S)
        return re.sub(r"<tagSet\s*/>", "<tagSet></tagSet>", body).replace("</tagSet>", "".join(
            f"<item><key>{k}</key><resourceId>{id}</resourceId><resourceType>import-image-task</resourceType><value>{v}</value></item>"
            for id, task in world.state.imports.items() if task["region"] == call["region"]
            for k, v in task["tags"].items() if k == form.get("Filter.1.Value.1")
        ) + "</tagSet>")

    call["change"] = also


@of("DescribeImages")
def tell_more_of_images(call, _form, _):
    """moto keeps no day from which an image is deprecated, and no protection."""
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


@of("DeregisterImage")
def deregister_bundle(call, form, then):
    """An image that lives on its bundle has no snapshot but the one that moto made."""
    backend = ec2(call["region"])
    ami = backend.amis.get(form.get("ImageId"))
    if getattr(ami, "bundle", False):
        then.append(lambda body: backend.snapshots.pop(ami.ebs_snapshot.id, None))


@of("CopyImage")
def copy_image(call, form, then):
    snapshot_tags, image_tags = tags_of(form, "snapshot"), tags_of(form, "image")
    for key in [k for k in form if k.startswith("TagSpecification.")]:
        del form[key]
    source = ec2(form["SourceRegion"]).amis.get(form["SourceImageId"])

    def copied(body):
        ami = image_of(call, body)
        ami.root_device_type = "ebs"
        world.state.extra[ami.id] = {"CopyImage": {k: v for k, v in form.items() if k not in ("Action", "Version")}}
        if form.get("CopyImageTags") == "true":
            ami.add_tags({t["key"]: t["value"] for t in source.get_tags()})
        ami.add_tags(image_tags)
        ami.source_image_id, ami.source_image_region = form["SourceImageId"], form["SourceRegion"]
        for snapshot in snapshots(ami):
            kept = ec2(call["region"]).snapshots[snapshot]
            kept.add_tags(snapshot_tags)
            kept.description = (
                f"Copied for DestinationAmi {ami.id} from SourceAmi {source.id} for SourceSnapshot {snapshots(source)[0]}. "
                f"Task created on {int(time.time() * 1000):,}."
            )

    then.append(copied)


@of("TerminateInstances")
def terminate_instances(_call, form, then):
    then += [lambda body, id=id: world.boxes.remove(id) for id in listed(form, "InstanceId")]


@of("StopInstances")
def stop_instances(_call, form, then):
    then += [lambda body, id=id: world.boxes.stop(id) for id in listed(form, "InstanceId")]


@of("RunInstances")
def run_where_it_is_ready(_call, form, _):
    if world.boxes.spare:
        form.setdefault("PrivateIpAddress", world.boxes.spare[0])


@of("RunInstances", "CreateFleet")
def start_boxes(call, _form, then):
    backend = ec2(call["region"])

    def ran(body):
        for id in dict.fromkeys(re.findall(r"<(?:instanceId|item)>(i-[0-9a-f]+)</", body)):
            instance = backend.get_instance(id)
            instance.region = call["region"]
            key = backend.key_pairs.get(instance.key_name) if instance.key_name else None
            line = f"{key.public_key.strip()} {instance.key_name}\n" if key else ""
            world.boxes.start(id, instance.private_ip, instance.image_id, line)

    then.append(ran)


@of("DeleteSecurityGroup")
def keep_a_group_that_is_used(call, form, _):
    """As AWS: not while an instance uses it."""
    group = form.get("GroupId")
    for reservation in ec2(call["region"]).reservations.values():
        for instance in reservation.instances:
            if instance.state != "terminated" and any(g.id == group for g in instance.security_groups):
                return failure("ec2", "DependencyViolation", f"resource {group} has a dependent object", 400)
