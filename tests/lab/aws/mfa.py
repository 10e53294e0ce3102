"""Users with MFA devices as STS and IAM judge them: codes that come of a secret and the time (RFC 6238), good for one use,
with the keys of the user that the device belongs to; sessions that may take roles and ask who they are; and roles whose
trust policy wants a device.
"""

import hmac
import struct
import time
import uuid

# Seconds that a device shows a code.
STEP = 30
SECRET = b"secret-of-the-device"
# What STS takes from a session of GetSessionToken.
OF_SESSIONS = ("AssumeRole", "GetCallerIdentity")


def code(offset=0):
    """What the device shows now, or `offset` codes later."""
    digest = hmac.digest(SECRET, struct.pack(">Q", int(time.time()) // STEP + offset), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def xml(action, service, inner):
    version = {"sts": "2011-06-15", "iam": "2010-05-08"}[service]
    return (
        f'<{action}Response xmlns="https://{service}.amazonaws.com/doc/{version}/"><{action}Result>{inner}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


class Refused(Exception):
    """With code and message."""


class Mfa:
    def __init__(self):
        # Serial numbers by the id of the user's key.
        self.devices = {}
        self.used = []
        # Tokens of sessions by the id of their key, and of the roles that were taken with one.
        self.tokens = {}
        self.sessions = set()
        # Trust policy of every role, when the test gives one.
        self.trust = None
        # Seconds that a session lasts, and a role that is taken with one, when the test says.
        self.life = self.role_life = None

    def answer(self, call, ends):
        """An answer of ours, or nothing; keys that are given are put into `ends`. Raises Refused."""
        action, key, form = call["action"], call["key"], call["form"]
        if key in self.tokens and call["token"] != self.tokens[key]:
            raise Refused("InvalidClientTokenId", "The security token included in the request is invalid")
        if action == "ListMFADevices":
            items = "".join(
                f"<member><UserName>alice</UserName><SerialNumber>{serial}</SerialNumber><EnableDate>2026-01-01T00:00:00Z</EnableDate></member>"
                for serial in self.devices.get(key, [])
            )
            return xml(action, "iam", f"<IsTruncated>false</IsTruncated><MFADevices>{items}</MFADevices>")
        if action == "GetSessionToken":
            if key.startswith("ASIA"):
                raise Refused("AccessDenied", "Cannot call GetSessionToken with session credentials")
            self.judge(key, form)
            keys = self.keys(ends, self.life or int(form.get("DurationSeconds", 43200)))
            self.sessions.add(keys[0])
            return xml(action, "sts", credentials(*keys))
        if call["service"] == "sts" and key in self.sessions and action not in OF_SESSIONS:
            raise Refused("AccessDenied", f"Cannot call {action} with session credentials")
        if action == "AssumeRole":
            if self.trust and not self.trusts(key):
                raise Refused("AccessDenied", f"User is not authorized to perform: sts:AssumeRole on resource: {form['RoleArn']}")
            if key in self.tokens:
                account, role = form["RoleArn"].split(":")[4], form["RoleArn"].split("/")[-1]
                user = f"arn:aws:sts::{account}:assumed-role/{role}/{form['RoleSessionName']}"
                keys = credentials(*self.keys(ends, self.role_life or int(form.get("DurationSeconds", 3600))))
                return xml(action, "sts", f"{keys}<AssumedRoleUser><Arn>{user}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>")
        return None

    def judge(self, key, form):
        serial, given = form.get("SerialNumber"), form.get("TokenCode", "")
        if serial not in self.devices.get(key, []) or ":u2f/" in serial:
            raise Refused(
                "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial "
                "number is valid and associated with this user.",
            )
        # Clocks differ by one code.
        if given not in [code(offset) for offset in (-1, 0, 1)] or (serial, given) in self.used:
            raise Refused("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
        self.used.append((serial, given))

    def keys(self, ends, lasts):
        key = "ASIA" + uuid.uuid4().hex[:16].upper()
        ends[key] = time.time() + lasts
        self.tokens[key] = f"token-{key}"
        return key, lasts

    def trusts(self, key):
        """Whether the role may be taken with this key: a condition on the device holds for sessions alone."""
        def holds(statement):
            present = statement.get("Condition", {}).get("Bool", {}).get("aws:MultiFactorAuthPresent")
            return present != "true" or key in self.sessions

        return any(s["Effect"] == "Allow" and s["Action"] == "sts:AssumeRole" and holds(s) for s in self.trust["Statement"])


def credentials(key, lasts):
    return (
        f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret-{key}</SecretAccessKey>"
        f"<SessionToken>token-{key}</SessionToken><Expiration>{stamp(time.time() + lasts)}</Expiration></Credentials>"
    )
