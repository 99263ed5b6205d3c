"""What the client scripts have in common: where to call, what to expect, what to print."""

import json
import os
import sys


def base_url():
    return os.environ["KEYWRIGHT_TEST_BASE_URL"].rstrip("/")


def token():
    return os.environ["KEYWRIGHT_TEST_TOKEN"]


def model():
    return os.environ.get("KEYWRIGHT_TEST_MODEL", "demo-small")


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, found {found!r}")


def finish(**seen):
    print(json.dumps(seen))
