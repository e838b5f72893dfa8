"""A URL map of its own, a converter for expressions and CORS for all, as moto's server has it."""

from flask import Flask
from flask_cors import CORS
from werkzeug.routing import BaseConverter, Map

METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]


class RegexConverter(BaseConverter):
    part_isolating = False

    def __init__(self, url_map, *items):
        super().__init__(url_map)
        self.regex = items[0]


def create_app():
    app = Flask("cloud")
    app.debug = True
    CORS(app)
    app.view_functions = {}
    app.url_map = Map()
    app.url_map.converters["regex"] = RegexConverter
    paths = ["/", '/<regex("[-a-z0-9_.]+"):bucket>', '/<regex("[-a-z0-9_.]+"):bucket>/<regex(".+"):key>']
    for number, path in enumerate(paths):
        app.add_url_rule(path, f"bucket{number}", lambda **_: "<ok/>", methods=METHODS, strict_slashes=False)
    return app
