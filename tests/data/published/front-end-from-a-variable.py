# https://github.com/DorianAndrea/LocalizacionConApiUrgenciasChile flask_app/__init__.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, resources={r"/api/*": {"origins": "http://localhost:5173"}})
