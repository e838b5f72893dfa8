"""An app at module level with blueprints that have policies of their own, one by patterns, as zou has it."""

from flask import Blueprint, Flask, jsonify
from flask_cors import CORS

auth = Blueprint("auth", __name__, url_prefix="/auth")
data = Blueprint("data", __name__, url_prefix="/data")
events = Blueprint("events", __name__)


@auth.post("/login")
def login():
    return jsonify(login=True)


@data.route("/persons", methods=["GET", "POST"])
def persons():
    return jsonify([])


@data.route("/persons/<uuid:person>", methods=["GET", "PUT", "DELETE"])
def one_person(person):
    return jsonify(id=str(person))


@events.get("/data/events/last")
def last_events():
    return jsonify([])


@events.get("/status")
def status():
    return jsonify(name="studio")


app = Flask("studio", static_folder=None)
app.config["CORS_HEADERS"] = "Content-Type"
CORS(auth, origins=["https://studio.example.com"], supports_credentials=True)
CORS(
    app,
    resources={
        r"/data/.*": {"origins": [r"^https://(www|review)\.example\.com$"], "supports_credentials": True},
        r"/status": {"origins": "*", "methods": ["GET", "HEAD"]},
    },
)
for blueprint in (auth, data, events):
    app.register_blueprint(blueprint)


def create_app():
    return app
