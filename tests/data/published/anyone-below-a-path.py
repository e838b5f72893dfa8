# https://github.com/shaunika1/hackmit2025 server/app.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, resources={r"/api/*": {"origins": "*"}})
