"""What every request goes through."""

import io
import json
import re
import socket
import time
import urllib.parse

from moto.backends import get_backend
from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from . import world
from .account import ACCOUNT, ec2
from .answers import answer, failure
from .calls import due, hold, read_call
from .changes import before
from .control import control
from .identity import exchange, metadata, mint
from .mfa import Refused
from .missing import fake, manage
from .policies import resources
from .slow import slowed, unready


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
    with world.lock:
        world.state.calls.append(call | {"n": len(world.state.calls) + 1, "at": time.time(), "resources": resources(call)})
        rules = [rule for rule in world.state.rules if due(rule, call)]
    for rule in rules:
        if "delay" in rule:
            time.sleep(rule["delay"])
        if "do" in rule:
            kind, id = rule["do"], rule.get("instance")
            for reservation in ec2(call["region"]).reservations.values():
                for instance in reservation.instances:
                    if kind == "terminate" and instance.state == "running":
                        ec2(call["region"]).terminate_instances([instance.id])
                        world.boxes.remove(instance.id)
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
    ends = world.state.sessions.get(call["key"])
    if ends is not None and ends < time.time():
        return failure(call["service"], "RequestExpired" if call["service"] == "ec2" else "ExpiredToken", "The security token included in the request is expired", 403)
    try:
        judged = world.state.mfa.answer(call, world.state.sessions)
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
    response = Response.from_app(world.moto, environ)
    if response.status_code == 200 and world.state.slow:
        response.set_data(slowed(call, response.get_data(as_text=True)))
    if response.status_code == 200 and call["action"] == "DescribeImages":
        response.set_data(unready(call, response.get_data(as_text=True)))
    if response.status_code == 200:
        text = response.get_data(as_text=True)
        if "change" in call:
            response.set_data(call["change"](text))
        with world.lock:
            for step in then:
                step(text)
            for rule in rules:
                if "state" in rule:
                    # An image that is not ready at once, or that failed.
                    ec2(call["region"]).amis[re.search(r"<imageId>(.*?)</imageId>", text)[1]].state = rule["state"]
    return response


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two packets: the second one would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_request(self, *_):
        pass
