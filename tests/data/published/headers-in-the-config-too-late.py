# https://github.com/sreedeepack/Q-Exchange src/app/app.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
cors = CORS(app)
app.config["CORS_HEADERS"] = "Content-Type"
