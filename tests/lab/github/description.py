"""GitHub's own description of its API: which requests it allows, and which fields an answer has."""

import hashlib
import json
import os
import re
import sys
import tempfile
import urllib.parse

# It builds a grammar for a second, for formats that nobody asks for here.
sys.modules["rfc3987_syntax"] = None
import jsonschema  # noqa: E402
import referencing  # noqa: E402
import referencing.jsonschema  # noqa: E402

from .answers import wrong  # noqa: E402

WORDS = (
    "type", "format", "enum", "required", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    "uniqueItems", "pattern", "default",
)


class Cutter:
    """Takes the operations that the lab serves out of the 13 MB, as JSON Schema, with every reference followed."""

    def __init__(self, whole):
        self.parts = whole["components"]
        self.paths = whole["paths"]
        self.schemas = {}

    def cut(self, operations):
        found = {}
        for method, template in operations:
            path = self.paths[template]
            found.setdefault(template, {})[method] = self.operation(path[method.lower()], path.get("parameters", []))
        return {"paths": found, "components": {"schemas": self.schemas}}

    def operation(self, operation, shared):
        parameters = [self.part(p) for p in [*shared, *operation.get("parameters", [])]]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        answers = {status: self.part(answer) for status, answer in operation["responses"].items()}
        return {
            "docs": operation.get("externalDocs", {}).get("url"),
            "parameters": [
                {"name": p["name"], "in": p["in"], "required": p.get("required", False), "many": p.get("x-multi-segment", False), "schema": self.schema(p["schema"])}
                for p in parameters
            ],
            "body": self.schema(body["schema"], strict=True) if body else None,
            "answers": {
                status: self.schema(answer["content"]["application/json"]["schema"])
                for status, answer in answers.items() if "application/json" in answer.get("content", {})
            },
        }

    def part(self, part):
        if "$ref" not in part:
            return part
        kind, name = part["$ref"].split("/")[-2:]
        return self.parts[kind][name]

    def schema(self, node, strict=False):
        """`strict`: keys that are not described are refused, as GitHub does ("is not a permitted key")."""
        if "$ref" in node:
            name = node["$ref"].split("/")[-1]
            if name not in self.schemas:
                self.schemas[name] = {}  # A schema may lead back to itself.
                self.schemas[name] = self.schema(self.parts["schemas"][name])
            return {"$ref": node["$ref"]}
        out = {word: node[word] for word in WORDS if word in node}
        if "properties" in node:
            out["properties"] = {name: self.schema(inner, strict) for name, inner in node["properties"].items()}
        if "items" in node:
            out["items"] = self.schema(node["items"], strict)
        for word in ("allOf", "anyOf", "oneOf"):
            if word in node:
                out[word] = [self.schema(inner) for inner in node[word]]
        more = node.get("additionalProperties")
        if more is not None:
            out["additionalProperties"] = more if isinstance(more, bool) else self.schema(more)
        elif strict and "properties" in node and "allOf" not in node:
            out["additionalProperties"] = False
        return self.nullable(out) if node.get("nullable") else out

    @staticmethod
    def nullable(out):
        """OpenAPI 3.0 has a word of its own for what JSON Schema calls the type null."""
        if not isinstance(out.get("type"), str):
            return {"anyOf": [out, {"type": "null"}]}
        out["type"] = [out["type"], "null"]
        if "enum" in out and None not in out["enum"]:
            out["enum"] = [*out["enum"], None]
        return out


def load(path, operations):
    """The cut description; it is kept beside the whole one, by what it was made from."""
    with open(__file__, "rb") as file:
        code = file.read()
    made_from = f"{os.path.getsize(path)} {os.stat(path).st_mtime_ns} {sorted(operations)} ".encode() + code
    kept = f"{path.removesuffix('.json')}.cut-{hashlib.sha256(made_from).hexdigest()[:16]}.json"
    try:
        with open(kept) as file:
            return json.load(file)
    except (OSError, ValueError):
        pass
    with open(path) as file:
        cut = Cutter(json.load(file)).cut(operations)
    # The description calls it a date, GitHub's documentation a range of dates.
    for parameter in cut["paths"].get("/repos/{owner}/{repo}/actions/runs", {}).get("GET", {}).get("parameters", []):
        if parameter["name"] == "created":
            parameter["schema"].pop("format", None)
    # It is silent about the pages of a person's packages, to which GitHub's links lead.
    versions = "packages/{package_type}/{package_name}/versions"
    pages = [p for p in cut["paths"].get(f"/orgs/{{org}}/{versions}", {}).get("GET", {}).get("parameters", []) if p["name"] == "page"]
    cut["paths"].get(f"/users/{{username}}/{versions}", {}).get("GET", {}).get("parameters", []).extend(pages)
    try:
        # Labs start side by side: none may read what another one has half written.
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(kept), delete=False) as file:
            json.dump(cut, file, separators=(",", ":"))
        os.replace(file.name, kept)
    except OSError:
        pass  # A folder that cannot be written costs 0.3 s at each start.
    return cut


formats = jsonschema.FormatChecker(formats=["date-time"])


@formats.checks("uri")
def _is_uri(text):
    return not isinstance(text, str) or bool(re.match(r"[a-z][a-z0-9+.-]*:\S", text, re.I))


class Description:
    def __init__(self, path, operations):
        self.cut = load(path, operations)
        resource = referencing.jsonschema.DRAFT7.create_resource(self.cut)
        self.registry = referencing.Registry().with_resource("urn:github", resource)
        self.validators = {}
        # What has more fixed parts comes first: /commits/{ref} takes slashes too.
        self.routes = sorted(
            ((method, self._pattern(template, operation), template) for template, methods in self.cut["paths"].items() for method, operation in methods.items()),
            key=lambda route: -len(re.findall(r"/[^{/]+", route[2])),
        )

    @staticmethod
    def _pattern(template, operation):
        many = {p["name"] for p in operation["parameters"] if p["many"]}
        parts = re.split(r"\{(\w+)\}", template)
        text = "".join(re.escape(part) if i % 2 == 0 else f"(?P<{part}>{'.+' if part in many else '[^/]+'})" for i, part in enumerate(parts))
        return re.compile(text + "$")

    def find(self, method, path):
        """The template of a request and the texts in its path, or nothing."""
        for known, pattern, template in self.routes:
            match = known == method and pattern.match(path)
            if match:
                return template, match.groupdict()
        return None, {}

    def operation(self, method, template):
        return self.cut["paths"][template][method]

    # -- Requests ----------------------------------------------------------------------------------------------------

    def check(self, method, template, path, query, body):
        """Path and query as the values that they stand for; refuses what is not allowed."""
        operation = self.operation(method, template)
        found, mistakes = {"path": {}, "query": {}}, []
        known = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
        mistakes += [f'"{name}" is not a permitted key.' for name in query if name not in known]
        for parameter in operation["parameters"]:
            place, name = parameter["in"], parameter["name"]
            texts = {"path": path, "query": query}.get(place, {})
            if name in texts:
                value = _value(texts[name], parameter["schema"])
                mistakes += self._mistakes(jsonschema.Draft7Validator(parameter["schema"], registry=self.registry, format_checker=formats), value, f"{place}/{name}")
                found[place][name] = value
            elif parameter["required"] and place in found:
                mistakes.append(f'"{name}" wasn\'t supplied.')
            elif place == "query" and "default" in parameter["schema"]:
                found[place][name] = parameter["schema"]["default"]
        if operation["body"]:
            mistakes += self._mistakes(self._validator("paths", template, method, "body"), body)
        if mistakes:
            raise wrong(*mistakes)
        return found["path"], found["query"]

    def _validator(self, *place):
        if place not in self.validators:
            pointer = "/".join(urllib.parse.quote(part.replace("~", "~0").replace("/", "~1")) for part in place)
            schema = {"$ref": f"urn:github#/{pointer}"}
            self.validators[place] = jsonschema.Draft7Validator(schema, registry=self.registry, format_checker=formats)
        return self.validators[place]

    def _mistakes(self, validator, value, place=""):
        return [line for error in validator.iter_errors(value) for line in _said(error, place)]

    # -- Answers -----------------------------------------------------------------------------------------------------

    def complete(self, method, template, status, data):
        """`data` with the fields that GitHub promises besides: the handlers write only those that matter."""
        schema = self.operation(method, template)["answers"].get(str(status))
        return data if schema is None else self._filled(schema, data)

    def answer_mistakes(self, method, template, status, data):
        """What is wrong with an answer of ours."""
        if str(status) not in self.operation(method, template)["answers"]:
            return []
        return self._mistakes(self._validator("paths", template, method, "answers", str(status)), data)

    def _plain(self, schema):
        """Without references and parts."""
        while "$ref" in schema:
            schema = self.cut["components"]["schemas"][schema["$ref"].split("/")[-1]]
        if "allOf" in schema:
            whole = {"type": "object", "properties": {}, "required": []}
            for part in map(self._plain, schema["allOf"]):
                whole["properties"] |= part.get("properties", {})
                whole["required"] += part.get("required", [])
            return whole
        return schema

    def _filled(self, schema, value):
        schema = self._plain(schema)
        for option in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
            if "properties" not in schema and _fits(self._plain(option), value):
                return self._filled(option, value)
        if isinstance(value, list) and "items" in schema:
            return [self._filled(schema["items"], item) for item in value]
        if not isinstance(value, dict):
            return value
        out, known = dict(value), schema.get("properties", {})
        for name, inner in known.items():
            if name in out:
                out[name] = self._filled(inner, out[name])
            elif name == "gravatar_id":
                # Nobody has one any more; the description would allow null.
                out[name] = ""
            elif name in schema.get("required", []):
                # Some addresses have no format in the description.
                out[name] = self._made_up(inner) or ("https://github.com/" if name.endswith("_url") else self._made_up(inner))
        return out

    def _made_up(self, schema):
        schema = self._plain(schema)
        options = schema.get("anyOf") or schema.get("oneOf")
        types = schema.get("type") or "object"
        if "null" in types or options and {"type": "null"} in options:
            return None
        if options and "properties" not in schema:
            return self._made_up(options[0])
        if "enum" in schema:
            return schema["enum"][0]
        if types == "object":
            return self._filled(schema, {})
        if types == "string":
            return {"uri": "https://github.com/", "date-time": "2026-01-01T00:00:00Z"}.get(schema.get("format"), "")
        return {"array": [], "boolean": False}.get(types, 0)


def _fits(schema, value):
    types = schema.get("type", "object")
    kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", type(None): "null"}.get(type(value))
    return kind == types or kind in types


def _value(text, schema):
    """The value that a text in a path or query stands for."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _said(error, place):
    """A mistake in GitHub's words."""
    value, limit = error.instance, error.validator_value
    at = "/".join([place] * bool(place) + [f"properties/{part}" if isinstance(part, str) else f"items/{part}" for part in error.absolute_path])
    short = json.dumps(value)[:80]
    match error.validator:
        case "required":
            missing = re.match(r"'(.*)' is a required", error.message)
            return [f'"{missing[1]}" wasn\'t supplied.']
        case "additionalProperties":
            return [f'"{name}" is not a permitted key.' for name in value if name not in error.schema.get("properties", {})]
        case "enum":
            return [f"{short} is not a member of {json.dumps(limit)}."]
        case "maxLength":
            return [f"Only {limit} characters are allowed; {len(value)} were supplied."]
        case "maxItems":
            return [f"No more than {limit} items are allowed; {len(value)} were supplied."]
        case "type":
            wanted = limit if isinstance(limit, str) else " or ".join(limit)
            return [f"For '{at}', {short} is not {'an' if wanted[0] in 'aio' else 'a'} {wanted}."]
        case "format":
            return [f"{short} is not a valid {limit}."]
        case "anyOf" | "oneOf":
            inner = [line for part in error.context for line in _said(part, place)]
            return [f'No subschema in "{error.validator}" matched.', *dict.fromkeys(inner)]
    return [f"For '{at}', {error.message[:200]}."]
