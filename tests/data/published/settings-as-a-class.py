# https://github.com/zerodine/Boilerplate-FlaskRestMongoTornado flaskdemo/config/config.py
from flask import Flask
from flask_cors_env import CORS


class Config:
    CORS_ORIGIN = ["*"]
    CORS_METHODS = ["POST", "GET", "PUT", "DELETE", "OPTIONS", "HEAD"]
    CORS_HEADERS = ["origin", "accept", "content-type", "authorization"]


app = Flask("shop")
app.config.from_object(Config)
CORS(app)
