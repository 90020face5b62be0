"""A scripted model API on loopback that makes the real command line tools act."""

from tests.support.model_api.server import ModelApi, Request, serving_model_api

__all__ = ["ModelApi", "Request", "serving_model_api"]
