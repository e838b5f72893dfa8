# https://github.com/lbs-iitkgp/Opensoft-2019 api/__init__.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
app.config["CORS_HEADERS"] = "Content-Type"
cors = CORS(app, resources={r"/foo": {"origins": "http://localhost:port"}})
