"""Policies in the formats of others, which need no keras_cem to act."""

from keras_cem.export.formats import FORMATS, export_policy

__all__ = ["FORMATS", "export_policy"]
