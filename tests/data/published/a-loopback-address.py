# https://github.com/joelchege23/CineFlicks backend/runserver.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, resources={r"/api/*": {"origins": "http://127.0.0.1:5000"}})
