"""
The application that the browsers talk to: one route for each thing a page may meet.
It knows nothing of origins; the environment governs it.
"""

from flask import Flask, abort, jsonify, request

from flask_cors_env import CORS

cors = CORS()


def create_app():
    app = Flask(__name__)
    cors.init_app(app)
    app.before_request(demand_authorization)
    app.add_url_rule("/items", view_func=list_items)
    app.add_url_rule("/items/<int:item>", view_func=put_item, methods=["PUT"])
    app.add_url_rule("/login", view_func=login, methods=["POST"])
    app.add_url_rule("/me", view_func=me)
    app.add_url_rule("/private", view_func=private)
    app.add_url_rule("/crash", view_func=crash)
    return app


def demand_authorization():
    if request.path == "/private" and "Authorization" not in request.headers:
        abort(401)


def list_items():
    response = jsonify(items=[1, 2, 3])
    response.headers["X-Total-Count"] = "3"
    response.headers["X-Internal-Cost"] = "7"
    return response


def put_item(item):
    return jsonify(item=item, key=request.headers.get("X-Api-Key"))


def login():
    response = jsonify(welcome=True)
    response.set_cookie("session", "s3cret", httponly=True, samesite="Lax")
    return response


def me():
    return jsonify(session="session" in request.cookies)


def private():
    return jsonify(secret=42)


def crash():
    raise RuntimeError("the view is broken")
