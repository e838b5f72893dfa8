# https://github.com/alerta/alerta alerta/settings.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
app.config.update(
    CORS_ALLOW_HEADERS=["Content-Type", "Authorization", "Access-Control-Allow-Origin"],
    CORS_ORIGINS=["https://try.alerta.example", "https://explorer.alerta.example"],
    CORS_SUPPORTS_CREDENTIALS=False,
)
CORS(app)
