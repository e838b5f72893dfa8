# https://github.com/lsequx/TotalTally backend/app.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, origins=["https://tally.example"])
