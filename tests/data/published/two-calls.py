# https://github.com/EthanITA/my-maitre be/app.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
cors = CORS(app)
CORS(app, resources={r"/*": {"origins": "http://localhost:5173"}})
