"""The account as moto keeps it, and what is to be seen in it."""

from moto.backends import get_backend

from . import world

ACCOUNT = "123456789012"
REGIONS = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "us-gov-west-1", "us-gov-east-1", "cn-north-1", "cn-northwest-1"]


def ec2(region):
    return get_backend("ec2")[ACCOUNT][region]


def snapshots(ami):
    snapshot = getattr(ami, "ebs_snapshot", None)
    return [snapshot.id] if snapshot else []


def tags(thing):
    return {t["key"]: t["value"] for t in thing.get_tags()}


def public_snapshot(backend, id):
    return any(id in snapshots(a) for a in backend.amis.values())


def left():
    """What a build may not leave behind, as texts."""
    found = []
    for region in REGIONS:
        backend = ec2(region)
        for reservation in backend.reservations.values():
            found += [f"instance {i.id} {i.state}" for i in reservation.instances if i.state != "terminated" and i.id != world.state.host]
        found += [f"key pair {name}" for name in backend.key_pairs]
        found += [f"security group {g.name}" for groups in backend.groups.values() for g in groups.values() if g.name != "default"]
        own = [device.volume_id for device in backend.get_instance(world.state.host).block_device_mapping.values()] if world.state.host and region == "eu-west-1" else []
        found += [f"volume {id} {tags(v)}" for id, v in backend.volumes.items() if id not in own]
        found += [f"image {region} {a.id} {a.name} {tags(a)}" for a in backend.amis.values() if a.owner_id == ACCOUNT]
        kept = {s for a in backend.amis.values() if a.owner_id == ACCOUNT for s in snapshots(a)}
        found += [f"snapshot {region} {id} {tags(s)}" for id, s in backend.snapshots.items() if s.owner_id == ACCOUNT and id not in kept and not public_snapshot(backend, id)]
        found += [f"launch template {t.name}" for t in backend.launch_templates.values()]
    iam = get_backend("iam")[ACCOUNT]["aws"]
    found += [f"session {id} {s['reason']}" for id, s in world.sessions.active.items()]
    found += [f"import {id}" for id, task in world.state.imports.items() if task["status"] == "active"]
    for bucket in get_backend("s3")[ACCOUNT]["aws"].buckets.values():
        found += [f"object {bucket.name}/{key}" for key in bucket.keys]
        found += [f"upload {bucket.name}/{upload.key_name}" for upload in bucket.multiparts.values()]
    found += [f"device {names}" for _, names in world.disks.loops.values()]
    found += [f"role {role.name}" for role in iam.roles.values()]
    found += [f"profile {profile.name}" for profile in iam.instance_profiles.values()]
    return found


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
                    "asked": world.state.extra.get(ami.id, {}),
                }
    return all


def what_is_there(backend):
    """Ids by kind, for those whose tags moto keeps when they are gone, and AWS does not."""
    return {
        "image": backend.amis, "snapshot": backend.snapshots, "volume": backend.volumes, "launch-template": backend.launch_templates,
        "key-pair": {key.id for key in list(backend.key_pairs.values())},
        "security-group": {id for groups in list(backend.groups.values()) for id in list(groups)},
    }
