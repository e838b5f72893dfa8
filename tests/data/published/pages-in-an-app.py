# https://github.com/openfrontio/OpenFrontIO/pull/1117
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, origins=["capacitor://localhost", "https://front.example", "https://front.example.org"])
