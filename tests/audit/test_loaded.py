"""``cors.policy.loaded``: a long policy is written in few records, and none of them is cut."""

import json

import pytest
from flask import Flask

from flask_cors_env import CORS
from flask_cors_env.audit.render import LINE_LIMIT

APP = "https://app.example.com"


def loaded(capfd, views, **environ):
    """The lines of an app's policy whose *views* are exempt, and the records in them."""
    app = Flask("shop")
    cors = CORS(app, environ={"CORS_ENV": "production", "CORS_ORIGINS": APP, **environ})
    for number in range(views):
        view = cors.exempt(lambda: "")
        app.add_url_rule(f"/items/{number}", f"an_endpoint_with_a_name_{number:02}", view)
    app.test_client().get("/")
    lines = capfd.readouterr().err.splitlines()
    return lines, [json.loads(line) for line in lines]


def joined(records, name):
    return "".join(record.get(name, "") for record in records)


def test_eighty_exemptions_are_told_in_two_records(capfd):
    _, records = loaded(capfd, 80)
    assert [(one["cors.policy.part"], one["cors.policy.parts"]) for one in records] == [(1, 2), (2, 2)]
    names = [f"an_endpoint_with_a_name_{number:02}" for number in range(80)]
    assert joined(records, "cors.policy.exempt").split(",") == names
    assert json.loads(joined(records, "cors.policy.document"))["environment"] == "production"
    assert records[0]["cors.policy.because"] == "CORS_ENV=production"


@pytest.mark.parametrize("views", [0, 30, 400])
@pytest.mark.parametrize("origins", [1, 90])
def test_no_record_of_a_policy_is_cut(views, origins, capfd):
    listed = ",".join(f"https://a{number}.example.com" for number in range(origins))
    lines, records = loaded(capfd, views, CORS_ORIGINS=listed)
    assert max(map(len, lines)) < LINE_LIMIT
    assert not [one for one in records if "cors.audit.truncated" in one]
    assert len(json.loads(joined(records, "cors.policy.document"))["resources"][0]["origins"]) == origins
    assert len(joined(records, "cors.policy.exempt").split(",")) == max(views, 1)
