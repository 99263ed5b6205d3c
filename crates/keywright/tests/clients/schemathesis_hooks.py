"""What the description cannot say."""

import re

import schemathesis

PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9+_-]{1,32}(\.[A-Za-z0-9+_-]{1,15})*@([A-Za-z0-9]+\.)+[A-Za-z]{2,10}", re.ASCII)


@schemathesis.hook
def filter_body(context, body):
    """JSON Schema takes 60.0 for an integer; the API takes integers that are written as such."""
    return not has_whole_float(body)


def has_whole_float(value):
    if isinstance(value, dict):
        return any(has_whole_float(inner) for inner in value.values())
    return isinstance(value, float) and value.is_integer()


@schemathesis.hook("filter_body")
def filter_address(context, body):
    """Of what RFC 5322 calls an address, only some is one that everybody reads the same: Mailbox in the protocol
    crate tries the rest."""
    email = body.get("email") if isinstance(body, dict) else None
    return not isinstance(email, str) or "@" not in email or PLAIN_ADDRESS.fullmatch(email) is not None


@schemathesis.hook
def filter_case(context, case):
    return is_no_narrowing(case) and lets_the_old_key_live(case)


def is_no_narrowing(case):
    """A key is left with some of its scopes and never given others, and which it has is in no schema:
    tests/it/key_updates.rs of the identity crate tries that. Here only what is no list of scopes is sent."""
    asked = fields(case, "PATCH", "/api/v1/keys/{id}")
    return asked is None or not isinstance(asked.get("scopes"), list)


def lets_the_old_key_live(case):
    """A rotation without an overlap ends the key at once. That it is then not found is meant, but looks like
    a resource that was made and is not there; tests/it/rotation.rs of the server tries it."""
    asked = fields(case, "POST", "/api/v1/keys/{id}/rotate")
    if asked is None:
        return True
    overlap = asked.get("overlapSeconds")
    return overlap is not None and not (isinstance(overlap, int) and 0 <= overlap < 600)


def fields(case, method, path):
    """The body of a call of that operation, if it has fields."""
    called = (case.operation.method.upper(), case.operation.path)
    return case.body if called == (method, path) and isinstance(case.body, dict) else None
