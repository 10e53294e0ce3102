"""The parts of the lab's GitHub; `../github.py` starts it.

description  GitHub's own description of its API: which requests it allows, which fields an answer has
answers      answers, refusals, pages
state        what is kept: repositories, tokens, apps, rules, calls
access       who may do what, and how often
attestations, checks, comments, pulls, commits, releases, runs, packages, app   the REST calls, each beside the limits that the description is silent about
graphql      one mutation and one query
artifacts    the runner's artifact service and the store behind signed addresses
proxy        the lab as api.github.com, and the tests' registry as ghcr.io
gate         the way of a request through all of these, and what rules do to it
control      the tests' own door
"""
