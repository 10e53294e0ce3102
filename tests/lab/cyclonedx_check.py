"""Holds documents against CycloneDX's own schema of their version.

Usage: cyclonedx_check.py FILE...
"""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

validator = JsonStrictValidator(SchemaVersion.V1_6)
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        text = file.read()
    error = validator.validate_str(text)
    if error is not None:
        sys.exit(f"{name}: {error}")
    # The schema says nothing of the form of package URLs. Their own reader writes small digits, and slashes as they are.
    document = json.loads(text)
    for component in [document["metadata"]["component"], *document["components"]]:
        if "purl" in component:
            forms = [component["purl"], PackageURL.from_string(component["purl"]).to_string()]
            if len({form.lower().replace("%2f", "/") for form in forms}) != 1:
                sys.exit(f"{name}: {forms[0]} is {forms[1]}")
    print(f"{name}: {len(document['components'])} components")
