# https://github.com/MinzLong/Marketing_AI_MCP backend/app/config.py
from flask import Flask
from flask_cors_env import CORS


class Config:
    CORS_ORIGINS = "https://a.example,https://b.example".split(",")


app = Flask("shop")
app.config.from_object(Config)
CORS(app)
