# https://github.com/pechang03/processDMRs backend/app/utils/extensions.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, resources={r"/api/*": {"origins": ["http://localhost:3000", "http://127.0.0.1:3000"]}})
