# https://github.com/wngkyle/cp-data-processing-app server/server.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(
    app,
    origins=["https://data.example"],
    supports_credentials=True,
)
