"""The person beside a client: what is asked here is done by the test that runs the script."""

import json
import os
import sys

SERVER = os.environ["KEYWRIGHT_TEST_SERVER"]


def _ask(what):
    print(json.dumps(what), flush=True)
    return json.loads(sys.stdin.readline())


def visit(url, allow=True):
    """Opens a link of the client and lets it in, or does not: where the browser is sent then."""
    return _ask({"ask": "visit", "url": url, "allow": allow})


def secret(text):
    """From now on this may stand in no log."""
    _ask({"ask": "secret", "text": text})
