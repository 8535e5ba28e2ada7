"""What docs/openapi/experiments.yaml says of all operations at once, as calls of a daemon with a token file: who may, other methods than
the documented ones, bodies where none is expected, no such path."""
import re

METHODS = {"GET", "PUT", "POST", "DELETE", "PATCH"}


def calls(document, tokens):
    """Status, method, path, body, headers, and the methods that Allow must name (or None).  tokens: by scope."""
    for path, item in document["paths"].items():
        documented = {m for m in METHODS if m.lower() in item}
        at = re.sub(r"{(\w+)}", lambda m: {"n": "1"}.get(m[1], "x"), path)
        for method in METHODS - documented:
            yield 405, method, at, None, {}, documented
        for method in documented:
            operation = item[method.lower()]
            scope = operation.get("x-scope")
            right = next((token for name, token in tokens.items() if scope in (name, "any")), None)
            if scope is None:
                yield 200, method, at, None, {}, None
            else:
                yield 401, method, at, None, {}, None
                yield 401, method, at, None, {"Authorization": "Bearer nobody-nobody-nobody"}, None
            for name, token in tokens.items():
                if scope not in (None, "any", name):
                    yield 403, method, at, None, {"Authorization": f"Bearer {token}"}, None
            if "requestBody" not in operation:
                yield 413, method, at, b"{}", {"X-API-Key": right} if right else {}, None
    yield 404, "GET", "/v1/nothing", None, {}, None
