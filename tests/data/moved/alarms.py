"""Decorators on every view, two views on a URL, and the policy in the config, as alerta has it."""

from flask import Blueprint, Flask, jsonify
from flask_cors import CORS, cross_origin

cors = CORS()
api = Blueprint("api", __name__)
webhooks = Blueprint("webhooks", __name__)


class Settings:
    CORS_ALLOW_HEADERS = ["Content-Type", "Authorization", "Access-Control-Allow-Origin"]
    CORS_ORIGINS = [
        "http://localhost",
        "http://localhost:8000",
        r"https?://\w*\.?local\.example\.com:?\d*/?.*",
    ]
    CORS_SUPPORTS_CREDENTIALS = True


@api.route("/alert", methods=["OPTIONS", "POST"])
@cross_origin()
def receive():
    return jsonify(status="ok"), 201


@api.route("/alerts", methods=["OPTIONS", "GET"])
@cross_origin()
def search():
    return jsonify(alerts=[])


@api.route("/alert/<alert_id>", methods=["OPTIONS", "GET"])
@cross_origin()
def get_alert(alert_id):
    return jsonify(id=alert_id)


@api.route("/alert/<alert_id>", methods=["OPTIONS", "DELETE"])
@cross_origin()
def delete_alert(alert_id):
    return jsonify(status="ok")


@api.route("/alert/<alert_id>/status", methods=["OPTIONS", "PUT"])
@cross_origin()
def set_status(alert_id):
    return jsonify(id=alert_id)


@api.route("/blackout", methods=["OPTIONS", "POST"])
@cross_origin()
def create_blackout():
    return jsonify(status="ok"), 201


@webhooks.route("/webhooks/grafana", methods=["OPTIONS", "POST"])
@cross_origin()
def grafana():
    return jsonify(status="ok"), 201


def create_app():
    app = Flask("alarms", static_folder=None)
    app.config.from_object(Settings)
    app.register_blueprint(api)
    app.register_blueprint(webhooks)
    app.add_url_rule("/_", "root", lambda: "")
    return app
