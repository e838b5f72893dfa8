"""Logs for the tests of answers: written by the package itself, and read as any other."""

from flask_cors_env.answers import plain
from flask_cors_env.answers.evidence import Evidence
from flask_cors_env.answers.lines import DEFAULT
from flask_cors_env.answers.policies import policies
from flask_cors_env.answers.questions import SHAPES
from flask_cors_env.answers.shapes import shapes
from flask_cors_env.answers.timeline import timeline
from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import DECISION, Surroundings, Told, add_path, decision_fields, own_fields
from flask_cors_env.audit.loaded import write_policy
from flask_cors_env.core.decision import decide


class Log:
    """What an app would write, in lines; each of its records is read back as an engine reads it."""

    def __init__(self, *, path=False):
        self.lines = []
        self.told = Told(path=path)
        self.log = AuditLog(self, service="shop", environment="production")

    def write(self, line):
        self.lines.append(line)

    def load(self, policy, **told):
        """Tell of *policy*."""
        write_policy(self.log, policy.id, policy.canonical_json(), {"cors.policy.because": "a test", **told})

    def decide(self, policy, request):
        """Tell of what *policy* decides about *request*."""
        decision = decide(policy, request)
        fields = decision_fields(request, decision, Surroundings(), policy.id)
        fields |= own_fields(self.told, 200, None, None)
        if self.told.path:
            add_path(fields, request.path, None)
        self.log.write("info", DECISION, fields)
        return decision

    @property
    def found(self):
        """What the plain engine finds."""
        return plain.find([list(DEFAULT.records(self.lines))], [SHAPES], ())

    @property
    def shapes(self):
        return list(shapes(self.found.rows["shapes"]))

    @property
    def policies(self):
        return policies(timeline(self.found.others))

    @property
    def evidence(self):
        history = timeline(self.found.others)
        return Evidence(tuple(self.shapes), policies(history), history)
