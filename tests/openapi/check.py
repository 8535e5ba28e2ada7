#!/usr/bin/env python3
"""docs/openapi/experiments.yaml against a running trimtab-experimentd.

Every call of cases.py must be answered with a status that the document has for it, a body that its schema allows (members the schema
does not name are refused), and the documented type; what is sent and accepted must fit the schema of the request.  At the end, every
documented path, method and status has been seen, and every member of a response at least once.

    check.py routes DOCUMENT SERVICE.C            the table of routes and the document name the same operations and scopes
    check.py play DOCUMENT SEEN PHASE URL         the calls of one phase; what was seen is kept in the file SEEN
    check.py fill DOCUMENT DATABASE               rows for the phase "overflow", while no daemon runs
    check.py access DOCUMENT URL TOKENS           access.py
    check.py report DOCUMENT SEEN                 what is documented and was never seen
"""
import json
import re
import sqlite3
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import yaml
from jsonschema import Draft202012Validator

import access
import cases

bad = []


def complain(text):
    bad.append(text)
    print(text, file=sys.stderr)


def resolve(document, node, at):
    """The node behind a chain of $ref, and where it is."""
    while "$ref" in node:
        at = node["$ref"].lstrip("#/")
        node = document
        for word in at.split("/"):
            node = node[word]
    return node, at


def inline(document, schema, at, strict):
    """The schema without $ref.  strict: an object has the members that are named, no others.  Every object notes where it is."""
    schema, at = resolve(document, schema, at)
    out = {"x-at": at}
    for key, value in schema.items():
        if key in ("properties",):
            out[key] = {name: inline(document, x, f"{at}/{name}", strict) for name, x in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            out[key] = inline(document, value, f"{at}/{key}", strict)
        elif key in ("allOf", "oneOf", "anyOf"):
            inner = strict and key != "allOf"
            out[key] = [inline(document, x, f"{at}/{key}{i}", inner) for i, x in enumerate(value)]
            out["x-strict-parts"] = key == "allOf"
        else:
            out[key] = value
    if strict and ("properties" in out or "allOf" in out) and "additionalProperties" not in out:
        out.setdefault("unevaluatedProperties", False)
    return out


def members(schema, at=None):
    """Every member of an object that the schema names."""
    for name, x in schema.get("properties", {}).items():
        yield f"{schema['x-at']}.{name}"
        yield from members(x)
    for x in [schema.get("items"), schema.get("additionalProperties")] + sum((schema.get(k, []) for k in ("allOf", "oneOf", "anyOf")), []):
        if isinstance(x, dict):
            yield from members(x)


def note_members(schema, value, seen):
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for x in value:
            note_members(schema["items"], x, seen)
    if isinstance(value, dict):
        for name, x in value.items():
            if name in schema.get("properties", {}):
                seen.add(f"{schema['x-at']}.{name}")
                note_members(schema["properties"][name], x, seen)
            elif isinstance(schema.get("additionalProperties"), dict):
                note_members(schema["additionalProperties"], x, seen)
    for key in ("allOf", "oneOf", "anyOf"):
        for x in schema.get(key, []):
            if key == "allOf" or Draft202012Validator(x).is_valid(value):
                note_members(x, value, seen)


def problem(schema, value):
    """The deepest complaint about the value, or None."""
    errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda e: -len(list(e.absolute_path)))
    if not errors:
        return None
    return f"{'.'.join(map(str, errors[0].absolute_path)) or 'body'}: {errors[0].message[:300]}"


def response_schema(document, response, at):
    """Type and schema of a documented response; (None, None) for one without a body."""
    response, at = resolve(document, response, at)
    for kind, content in response.get("content", {}).items():
        return kind, inline(document, content["schema"], at, True) if "schema" in content else None
    return None, None


def send(url, method, path, body, headers):
    """Status, type, text."""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data, method=method, headers=headers)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


def check_request(document, operation, at, case, status):
    if "requestBody" not in operation or isinstance(case.body, bytes) or case.body is None:
        return
    schema = inline(document, operation["requestBody"]["content"]["application/json"]["schema"], f"{at}/request", False)
    wrong = problem(schema, case.body)
    if status < 300 and wrong:
        complain(f"{case}: accepted, and the document says: {wrong}")
    if case.refused_by_schema and not wrong:
        complain(f"{case}: refused, and the document allows it")


def check_answer(document, operation, at, case, answer, seen):
    status, headers, text = answer
    documented = operation["responses"].get(str(status))
    if status not in case.status:
        complain(f"{case}: {status}, not {sorted(case.status)}: {text[:300]}")
    if documented is None:
        complain(f"{case}: {status} is not documented")
        return
    seen.add(f"{case.method} {case.template} {status}")
    kind, schema = response_schema(document, documented, f"{at}/{status}")
    if kind and headers.get("Content-Type", "").split(";")[0] != kind:
        complain(f"{case}: type {headers.get('Content-Type')}, documented is {kind}")
    if kind is None and text and status != 200:
        complain(f"{case}: a body where none is documented: {text[:100]}")
    if status == 503 and not headers.get("Retry-After"):
        complain(f"{case}: 503 without Retry-After")
    if schema is None:
        return
    value = json.loads(text)
    wrong = problem(schema, value)
    if wrong:
        complain(f"{case}: {status}: {wrong}")
    note_members(schema, value, seen)


def operations(document):
    for path, item in document["paths"].items():
        for method in ("get", "put", "post", "delete"):
            if method in item:
                yield path, method, item[method], f"{method} {path}"


def play(document, seen_file, phase, url):
    try:
        with open(seen_file) as f:
            seen = set(json.load(f))
    except FileNotFoundError:
        seen = set()
    table = {(path, method.upper()): (operation, at) for path, method, operation, at in operations(document)}
    planned = cases.PHASES[phase]

    def one(case):
        return send(url, case.method, case.path, case.body, case.headers)

    with ThreadPoolExecutor(len(planned) if phase in cases.AT_ONCE else 1) as pool:
        for case, answer in zip(planned, pool.map(one, planned)):
            operation, at = table.get((case.template, case.method), (None, None))
            if operation is None:
                complain(f"{case}: {case.method} {case.template} is not documented")
                continue
            check_request(document, operation, at, case, answer[0])
            check_answer(document, operation, at, case, answer, seen)
    with open(seen_file, "w") as f:
        json.dump(sorted(seen), f)
    print(f"{phase}: {len(planned)} calls")


def report(document, seen_file):
    with open(seen_file) as f:
        seen = set(json.load(f))
    n = 0
    for path, method, operation, at in operations(document):
        if not operation.get("summary"):
            complain(f"{at} has no summary")
        for name in re.findall(r"{(\w+)}", path):
            declared = [resolve(document, p, "")[0]["name"] for p in document["paths"][path].get("parameters", [])]
            if name not in declared:
                complain(f"{at}: the parameter {name} is not declared")
        for status, response in operation["responses"].items():
            what = f"{method.upper()} {path} {status}"
            n += 1
            if what not in seen:
                complain(f"{what} is documented and was never seen")
            _, schema = response_schema(document, response, f"{at}/{status}")
            for member in members(schema) if schema else []:
                if member not in seen:
                    complain(f"{what}: the member {member} is documented and was never seen")
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(inline(document, schema, name, True))
    print(f"{n} statuses of {len(document['paths'])} paths, {sum('.' in x.split(' ')[-1] for x in seen)} members")


def routes(document, source):
    with open(source) as f:
        rows = re.findall(r'\{"(\w+)", "(/[^"]*)", \w+, [^,]+, (NULL|"[^"]*")\}', f.read())
    table = {(path, method): {"NULL": None, '"*"': "any"}.get(scope, scope.strip('"')) for method, path, scope in rows}
    documented = {(path, method.upper()): operation.get("x-scope") for path, method, operation, _ in operations(document)}
    for key in sorted(set(table) | set(documented)):
        if key not in table or key not in documented:
            complain(f"{key[1]} {key[0]} is {'not a route' if key not in table else 'not documented'}")
        elif table[key] != documented[key]:
            complain(f"{key[1]} {key[0]}: x-scope is {documented[key]}, the server asks for {table[key]}")
    if len(table) < 10:
        complain(f"only {len(table)} routes were found in {source}")
    print(f"{len(table)} routes")


def fill(_, database):
    with sqlite3.connect(database) as db:
        if db.execute(cases.FULL_UNITS).rowcount < 1:
            complain("round 2 has no units to fill")
    db.close()


def ask(document, url, want, method, path, body, headers):
    """A call that fails with the one form of errors, or does not; its headers."""
    status, got, text = send(url, method, path, body, headers)
    error = inline(document, {"$ref": "#/components/schemas/Error"}, "", True)
    if status != want:
        complain(f"{method} {path}: {status}, not {want}: {text[:200]}")
    elif want >= 400 and problem(error, json.loads(text)):
        complain(f"{method} {path}: {want}: {problem(error, json.loads(text))}")
    return got


def play_access(document, url, tokens_file):
    with open(tokens_file) as f:
        tokens = dict(line.split() for line in f)
    planned = list(access.calls(document, tokens))
    for want, method, path, body, headers, allowed in planned:
        allow = ask(document, url, want, method, path, body, headers).get("Allow", "")
        if allowed is not None and set(allow.split(", ")) - {"HEAD"} != allowed:
            complain(f"{method} {path}: Allow is {allow}, documented are {sorted(allowed)}")
    print(f"access: {len(planned)} calls")


def main(verb, document, *rest):
    with open(document) as f:
        parsed = yaml.safe_load(f)
    {"play": play, "report": report, "routes": routes, "fill": fill, "access": play_access}[verb](parsed, *rest)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
