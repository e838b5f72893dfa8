# https://github.com/pd-Shah/Banker Banker/settings/corsheaders_settings.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
app.config.update(
    CORS_ALLOWED_ORIGINS=["https://bank.example"],
    CORS_ORIGIN_WHITELIST=["https://bank.example", "https://desk.bank.example"],
    CORS_ALLOW_METHODS=["GET", "OPTIONS", "POST"],
    CORS_ALLOW_HEADERS=["accept", "accept-encoding", "authorization", "dnt", "origin", "x-csrftoken"],
)
CORS(app)
