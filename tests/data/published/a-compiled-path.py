# https://github.com/open-ods/open-ods openods/openods_core/__init__.py
import re

from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
CORS(app, resources={re.compile("/api/*"): {"origins": "*"}})
