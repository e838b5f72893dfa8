# https://github.com/Eric599/CEC-2024-Programming-Competition backend/app/config.py
from flask import Flask
from flask_cors_env import CORS


class Config:
    CORS_ORIGINS = "https://cec.example"
    CORS_HEADERS = ["Content-Type", "Authorization"]
    CORS_SUPPORTS_CREDENTIALS = True
    CORS_MAX_AGE = 3600


app = Flask("shop")
app.config.from_object(Config)
CORS(app)
