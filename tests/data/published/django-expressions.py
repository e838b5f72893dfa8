# https://github.com/altakis/ParkingCECAR_API_v2 backend/core/settings/cors_def.py
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
app.config.update(
    CORS_ALLOW_CREDENTIALS=True,
    CORS_ALLOWED_ORIGINS=["https://parking.example"],
    CORS_ALLOWED_ORIGIN_REGEXES=["https://parking.example"],
)
CORS(app)
