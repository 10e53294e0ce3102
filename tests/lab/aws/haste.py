"""What moto finds out anew for every request though it never changes: about half of the time that an answer takes."""

import functools

from moto import backends
from moto.core import responses


def hasten():
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
