"""What the description cannot say."""

import schemathesis


@schemathesis.hook
def filter_body(context, body):
    """JSON Schema takes 60.0 for an integer; the API takes integers that are written as such."""
    return not (isinstance(body, dict) and any(isinstance(v, float) and v.is_integer() for v in body.values()))
