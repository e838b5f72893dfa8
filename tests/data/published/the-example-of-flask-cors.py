# https://github.com/corydolphin/flask-cors examples/app_based_example.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, resources=r"/api/*", allow_headers="Content-Type")
