# https://github.com/PritK99/WriteRight server/app.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
cors = CORS(app, resources={r"/api/*": {"origins": "https://write.example"}})
