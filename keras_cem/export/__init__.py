"""Exports policies to formats that act without keras_cem."""

from keras_cem.export.formats import FORMATS, export_policy

__all__ = ["FORMATS", "export_policy"]
