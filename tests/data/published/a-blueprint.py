# https://github.com/Lunatic-Labs/rubricapp api/__init__.py
from flask import Blueprint, Flask
from flask_cors_env import CORS

bp = Blueprint("api", __name__, url_prefix="/api")
CORS(bp, resources={r"/api/*": {"origins": "*"}})
app = Flask("shop")
app.register_blueprint(bp)
