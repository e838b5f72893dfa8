# https://github.com/saaratrix/a-device-for-quicker-sharing-of-screenshots-with-friends server/local.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
origins = "https://a.example,https://b.example,".split(",")
CORS(app, origins=origins)
