"""A factory whose config classes name the origins, and CORS(app) without arguments, as cornflow has it."""

from flask import Blueprint, Flask, jsonify
from flask_cors import CORS


class Defaults:
    SECRET_KEY = "none"
    CORS_ORIGINS = ["https://app.example.com", "https://admin.example.com"]


class Development(Defaults):
    DEBUG = True


class Testing(Defaults):
    TESTING = True


CONFIGS = {"development": Development, "testing": Testing}
cases = Blueprint("cases", __name__)


@cases.route("/", methods=["GET", "POST"])
def list_cases():
    return jsonify([])


@cases.route("/<int:number>/", methods=["GET", "PUT", "PATCH", "DELETE"])
def one_case(number):
    return jsonify(id=number)


def create_app(name="testing"):
    app = Flask("solver")
    app.config.from_object(CONFIGS[name])
    CORS(app)
    app.register_blueprint(cases, url_prefix="/case")
    app.add_url_rule("/health/", "health", lambda: jsonify(status="healthy"))
    app.add_url_rule("/login/", "login", lambda: jsonify(token=""), methods=["POST"])

    @app.before_request
    def authenticate():
        return None

    return app
