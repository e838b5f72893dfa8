"""A factory with a config object and an extension of its own around flask-cors, as invenio-rest has it."""

from flask import Blueprint, Flask, jsonify
from flask.views import MethodView
from flask_cors import CORS


class Config:
    REST_ENABLE_CORS = True
    CORS_RESOURCES = "*"
    CORS_SEND_WILDCARD = True
    CORS_EXPOSE_HEADERS = ["ETag", "Link", "X-RateLimit-Limit", "X-RateLimit-Remaining", "Content-Type"]


class Rest:
    """The extension: it turns CORS on where the config says so."""

    def __init__(self, app=None):
        if app is not None:
            self.init_app(app)

    def init_app(self, app):
        app.config.setdefault("REST_ENABLE_CORS", False)
        if app.config["REST_ENABLE_CORS"]:
            CORS(app)
        app.extensions["rest"] = self


class Records(MethodView):
    def get(self):
        return jsonify(hits=[])

    def post(self):
        return jsonify(id=1), 201


class Record(MethodView):
    def get(self, number):
        return jsonify(id=number), {"ETag": '"1"'}

    def put(self, number):
        return jsonify(id=number)

    def delete(self, number):
        return "", 204


def create_app():
    app = Flask("records")
    app.config.from_object(Config)
    Rest(app)
    blueprint = Blueprint("records", __name__)
    blueprint.add_url_rule("/records/", view_func=Records.as_view("list"))
    blueprint.add_url_rule("/records/<int:number>", view_func=Record.as_view("item"))
    app.register_blueprint(blueprint, url_prefix="/api")
    return app
