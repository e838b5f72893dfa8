# https://github.com/gucciwu/pcc-2019-nCoV api/__init__.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, supports_credentials=True, resources={r"/api/*": {"origins": "*"}})
