# https://github.com/ActivityWatch/aw-server aw_server/server.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app)
