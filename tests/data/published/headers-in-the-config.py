# https://github.com/uomkri/backgammon api/flask_init.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
app.config["CORS_HEADERS"] = "Content-Type"
cors = CORS(app)
