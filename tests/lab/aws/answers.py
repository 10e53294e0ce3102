"""Answers as AWS gives them, and what is read out of a request's form."""

import json
import re
import uuid

from .mfa import code
from werkzeug.wrappers import Response


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
