"""An API object that decorates every class-based view, without strict slashes, as safrs has it."""

from flask import Flask, jsonify
from flask.views import MethodView
from flask_cors import CORS, cross_origin


class Api:
    def __init__(self, app, prefix, decorators=()):
        self.app, self.prefix, self.decorators = app, prefix, decorators

    def expose(self, resource, *paths):
        view = resource.as_view(resource.__name__.lower())
        for decorator in self.decorators:
            view = decorator(view)
        for path in paths:
            self.app.add_url_rule(f"{self.prefix}{path}", view_func=view)


class Users(MethodView):
    def get(self):
        return jsonify(data=[])

    def post(self):
        return jsonify(data={}), 201


class User(MethodView):
    def get(self, user_id):
        return jsonify(data={"id": user_id})

    def patch(self, user_id):
        return jsonify(data={"id": user_id})

    def delete(self, user_id):
        return "", 204


def create_app():
    app = Flask("model")
    app.url_map.strict_slashes = False
    CORS(
        app,
        origins="*",
        allow_headers=["Content-Type", "Authorization", "Access-Control-Allow-Credentials"],
        supports_credentials=False,
    )
    api = Api(app, "/api", [cross_origin(origins=["https://admin.example.com"], max_age=600)])
    api.expose(Users, "/Users")
    api.expose(User, "/Users/<string:user_id>")
    app.add_url_rule("/swagger.json", "swagger", lambda: jsonify(swagger="2.0"))
    return app
