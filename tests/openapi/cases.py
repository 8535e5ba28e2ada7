"""The calls of check.py: one of every documented status of every operation, and what brings out every member of a response."""


class Case:
    """A call.  status: what it is answered with, or the set of what it may be.  template: the path as the document has it.
    refused_by_schema: the document says that the body is wrong."""

    def __init__(self, status, method, template, body=None, refused_by_schema=False, headers=None, **params):
        self.status = status if isinstance(status, set) else {status}
        self.method, self.template, self.body = method, template, body
        self.refused_by_schema, self.headers = refused_by_schema, headers or {}
        self.path = template
        for name, value in {**{"exp": "feed", "n": 1, "arm": "a1"}, **params}.items():
            self.path = self.path.replace("{%s}" % name, str(value))

    def __str__(self):
        return f"{self.method} {self.path}"


LARGE = b" " * (2 * 1024 * 1024 + 1)
EXP = "/v1/experiments/{exp}"
ROUND = EXP + "/rounds/{n}"
CLOCK = 1650844800000

METRICS = [
    {"name": "clicks", "kind": "mean", "numerator": {"event": "click", "aggregate": "count"}, "denominator": "unit", "attribution_s": 86400,
     "cap": 50, "direction": "up", "guardrail": {"effect": "relative", "margin": 0.1}},
    {"name": "hides", "kind": "ratio", "numerator": {"event": "hide", "aggregate": "sum"}, "denominator": "event", "denominator_event": "click",
     "cap": {"quantile": 0.99}, "direction": "down", "guardrail": {"effect": "absolute", "margin": 0.5}},
]
EXPERIMENT = {"unit_type": "user", "timezone": "UTC", "heads": ["click", "save", "hide"], "default_weights": {"click": 1, "save": 3}, "metrics": METRICS,
              "unit_ids": "hashed", "layer": {"name": "home", "from": 0, "to": 0.9}, "holdback": {"share": 0.2},
              "eligibility": [{"attribute": "country", "in": ["at", "de"]}, {"attribute": "age", "min": 18, "max": 99}]}


def a_round(salt, end, **more):
    return {"purpose": "explore", "campaign": "c1", "salt": salt, "settle_ms": 500, "end": end, **more, "arms": [
        {"id": "control", "weights": {"click": 1}, "allocation": 0.4},
        {"id": "a1", "weights": {"save": 1, "hide": -1}, "allocation": 0.4, "params": {"x": 1}}]}


def rank(unit, **more):
    return {"experiment": "feed", "unit": unit, "candidates": ["1", "2", "3"], "k": 2,
            "attributes": {"country": "at", "age": 40}, **more}


def exposure(unit, arm, **more):
    return {"event_id": f"x-{unit}-{arm}", "type": "exposure", "value": 3, "experiment": "feed", "round": 1, "arm": arm, "unit": unit, **more}


def late_comer(arm, kind, **more):
    """In round 2; in one of the arms it is an orphan."""
    return {"event_id": f"{kind}-{arm}", "type": kind, "experiment": "feed", "round": 2, "arm": arm, "unit": "late", **more}


def click(unit, arm):
    return {"event_id": f"c-{unit}-{arm}", "type": "click", "experiment": "feed", "round": 1, "arm": arm, "unit": unit, "item": "1", "position": 0,
            "ts": CLOCK}


COVARIATES = {"covariates": [{"unit": f"u{u}", "values": {"clicks": u % 3}} for u in range(40)]}
UNIT = {"context": {"targetingKey": "u1", "country": "de", "age": 18}}
PREVIEW = {"weights": [{"click": 1}, {"save": 2, "hide": -1}], "reference": {"click": 1}}
NEW_DEFAULT = {"weights": {"click": 2}, "if_version": 1, "reason": "try"}

# Every unit names both arms; in one of them it is an orphan.
EVENTS = [[f(f"u{u}", arm) for u in range(40) for arm in ("control", "a1", "holdback")] for f in (exposure, click)]

MAIN = [
    Case(200, "GET", "/healthz"), Case(200, "GET", "/readyz"), Case(200, "GET", "/metrics"), Case(200, "GET", "/openapi.yaml"),
    Case(404, "GET", EXP), Case(404, "GET", EXP + "/default/history"), Case(404, "GET", ROUND + "/results"),
    Case(404, "POST", "/v1/rank", rank("u1")), Case(404, "POST", EXP + "/covariates", COVARIATES), Case(404, "PUT", EXP + "/default", NEW_DEFAULT),
    Case(404, "PUT", ROUND, a_round("s", {"at_ms": CLOCK + 1})), Case(404, "POST", ROUND + "/stop"), Case(404, "POST", ROUND + "/arms/{arm}/stop"),
    Case(404, "POST", "/ofrep/v1/evaluate/flags/{key}", UNIT, key="feed"),
    Case(400, "PUT", EXP, {**EXPERIMENT, "heads": []}, True), Case(400, "PUT", EXP, {**EXPERIMENT, "holdback": {"share": 0.6}}, True),
    Case(400, "PUT", EXP, {**EXPERIMENT, "eligibility": [{"attribute": "age"}]}, True),
    Case(400, "PUT", EXP, {**EXPERIMENT, "eligibility": [{"attribute": "age", "in": ["1"], "max": 3}]}, True),
    Case(400, "PUT", EXP, {**EXPERIMENT, "layer": {"name": "home", "from": 0.5, "to": 0.5}}), Case(400, "PUT", EXP, {**EXPERIMENT, "more": 1}, True),
    Case(413, "PUT", EXP, LARGE), Case(422, "PUT", EXP, {**EXPERIMENT, "heads": ["click", "nod"], "default_weights": {"nod": 1}}),
    Case(201, "PUT", EXP, EXPERIMENT), Case(200, "PUT", EXP, EXPERIMENT), Case(409, "PUT", EXP, {**EXPERIMENT, "unit_type": "shop"}),
    Case(200, "GET", EXP), Case(200, "GET", "/v1/experiments"),
    Case(200, "POST", EXP + "/covariates", COVARIATES), Case(400, "POST", EXP + "/covariates", {"covariates": []}, True),
    Case(413, "POST", EXP + "/covariates", LARGE),
    Case(400, "PUT", ROUND, {**a_round("s", {}), "purpose": "play"}, True), Case(413, "PUT", ROUND, LARGE),
    Case(409, "PUT", ROUND, a_round("s", {"units_per_arm": 50}), n=2),
    Case(201, "PUT", ROUND, a_round("s", {"units_per_arm": 50})), Case(200, "PUT", ROUND, a_round("s", {"units_per_arm": 50})),
    Case(200, "GET", EXP),
    Case(200, "POST", "/v1/rank", rank("u100", request_id="r1", user="7", context={"tab": "1"})),
    Case(409, "POST", "/v1/rank", rank("u101", request_id="r1")),
    Case(200, "POST", "/v1/rank", rank("u102", forced_arm="a1")), Case(404, "POST", "/v1/rank", rank("u102", forced_arm="nobody")),
    Case(400, "POST", "/v1/rank", rank("u 1"), False), Case(400, "POST", "/v1/rank", rank("u1", k=0), True), Case(413, "POST", "/v1/rank", LARGE),
    Case(200, "POST", EXP + "/preview", PREVIEW), Case(200, "POST", EXP + "/preview", {"weights": [{"hide": -1}]}),
    Case(400, "POST", EXP + "/preview", {"weights": []}, True), Case(400, "POST", EXP + "/preview", {"weights": [{"click": 1}] * 65}, True),
    Case(404, "POST", EXP + "/preview", PREVIEW, exp="nobody"), Case(413, "POST", EXP + "/preview", LARGE),
    Case(200, "POST", "/v1/events", {"events": EVENTS[0]}), Case(200, "POST", "/v1/events", {"events": EVENTS[1]}),
    Case(400, "POST", "/v1/events", {"events": []}, True), Case(400, "POST", "/v1/events", {"events": [{"event_id": "e"}]}, True),
    Case(413, "POST", "/v1/events", LARGE),
    Case(200, "GET", ROUND + "/results"), Case(400, "GET", ROUND + "/results", n=0),
    Case(200, "POST", "/ofrep/v1/evaluate/flags/{key}", UNIT, key="feed"), Case(400, "POST", "/ofrep/v1/evaluate/flags/{key}", {}, True, key="feed"),
    Case(413, "POST", "/ofrep/v1/evaluate/flags/{key}", LARGE, key="feed"),
    Case(200, "POST", "/ofrep/v1/evaluate/flags", UNIT), Case(304, "POST", "/ofrep/v1/evaluate/flags", UNIT, headers={"If-None-Match": "*"}),
    Case(400, "POST", "/ofrep/v1/evaluate/flags", {"context": {}}, True), Case(413, "POST", "/ofrep/v1/evaluate/flags", LARGE),
    Case(400, "POST", ROUND + "/arms/{arm}/stop", {"why": 1}, True), Case(413, "POST", ROUND + "/arms/{arm}/stop", LARGE),
    Case(400, "POST", ROUND + "/stop", {"reason": 1}, True), Case(413, "POST", ROUND + "/stop", LARGE),
    Case(200, "POST", ROUND + "/arms/{arm}/stop", {"reason": "bad"}), Case(200, "POST", ROUND + "/stop", {"reason": "enough"}),
    Case(200, "GET", EXP), Case(200, "GET", ROUND + "/results"),
    Case(400, "PUT", "/v1/clock", {"now_ms": 1}), Case(413, "PUT", "/v1/clock", LARGE), Case(200, "PUT", "/v1/clock", {"now_ms": CLOCK + 1000}),
    Case(200, "GET", "/v1/clock"),
    Case(200, "GET", ROUND + "/results"), Case(409, "POST", ROUND + "/arms/{arm}/stop"),
    Case(200, "POST", "/v1/events", {"events": [click("u1", "control")]}),
    Case(400, "PUT", EXP + "/default", {**NEW_DEFAULT, "weights": {}}), Case(400, "PUT", EXP + "/default", {"weights": {"click": 1}}, True),
    Case(413, "PUT", EXP + "/default", LARGE), Case(200, "PUT", EXP + "/default", NEW_DEFAULT),
    Case(409, "PUT", EXP + "/default", {**NEW_DEFAULT, "weights": {"save": 1}}), Case(200, "GET", EXP + "/default/history"),
    Case(200, "DELETE", "/v1/units/{unit}", unit="u1"), Case(400, "DELETE", "/v1/units/{unit}", unit="a%20b"),
    Case(201, "PUT", ROUND, a_round("s2", {"at_ms": CLOCK + 99000}), n=2),
    Case(200, "GET", EXP), Case(200, "GET", ROUND + "/results", n=2),
    Case(409, "PUT", EXP, EXPERIMENT, exp="other"), # its part of the layer is taken
    Case(200, "POST", "/v1/events", {"events": [late_comer(arm, "exposure", value=3) for arm in ("control", "a1", "holdback")]}),
]

# A clock that is real cannot be set.
REAL = [Case(409, "PUT", "/v1/clock", {"now_ms": CLOCK})]

# While another process holds the lock, whatever needs the database is refused.
LOCKED = [
    Case(503, "POST", "/v1/rank", rank("u5", request_id="r9")), Case(503, "POST", "/v1/events", {"events": EVENTS[1]}),
    Case(503, "GET", "/v1/experiments"), Case(503, "GET", EXP), Case(503, "PUT", EXP, EXPERIMENT), Case(503, "PUT", ROUND, a_round("s2", {"at_ms": CLOCK + 99000}), n=2),
    Case(503, "POST", ROUND + "/stop", n=2), Case(503, "POST", ROUND + "/arms/{arm}/stop", n=2), Case(503, "GET", ROUND + "/results", n=2),
    Case(503, "POST", EXP + "/covariates", COVARIATES), Case(503, "PUT", EXP + "/default", NEW_DEFAULT), Case(503, "GET", EXP + "/default/history"),
    Case(503, "DELETE", "/v1/units/{unit}", unit="u2"), Case(503, "PUT", "/v1/clock", {"now_ms": CLOCK + 2000}),
]

# Once the daemon has noticed.
TROUBLE = [Case(503, "GET", "/readyz")]

# Every unit of round 2 has had as many hides of the largest value as its 64 bits hold.
FULL_UNITS = ("INSERT INTO events SELECT u.round, 1000000 + u.unit, randomblob(16), u.unit, 'hide', 9223372036854775807, r.opened_ms, 0, NULL, NULL "
              "FROM units u JOIN rounds r ON r.id = u.round WHERE r.n = 2")
OVERFLOW = [Case(422, "POST", "/v1/events", {"events": [late_comer(arm, "hide", value=1000000) for arm in ("control", "a1", "holdback")]})]

# A preview of a large sample takes so long that of many at once some are refused.
SAMPLE = [Case(200, "POST", "/v1/rank", {**rank(f"s{i}"), "candidates": [str(c) for c in range(500)]}) for i in range(200)]
BUSY = [Case({200, 503}, "POST", EXP + "/preview", {"weights": [{"click": 1 + i} for i in range(64)]})] * 24

PHASES = {"main": MAIN, "real": REAL, "locked": LOCKED, "trouble": TROUBLE, "overflow": OVERFLOW, "sample": SAMPLE, "busy": BUSY}
AT_ONCE = {"locked", "busy"}
