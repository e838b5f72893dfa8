# https://github.com/rayhancse08/arotkrishi arot/settings/components/cors.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
app.config.update(
    CORS_ORIGIN_ALLOW_ALL=True,
    CORS_ALLOWED_ORIGINS=["https://farm.example"],
    CORS_ALLOW_METHODS=("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"),
)
CORS(app)
