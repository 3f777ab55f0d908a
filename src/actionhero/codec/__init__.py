"""Signatures to typed inputs, JSON in and out, JSON Schema."""

from actionhero.codec.inputs import Inputs, compile_inputs, place_of
from actionhero.codec.jsontext import decode_json, encode_json, read_json

__all__ = ["Inputs", "compile_inputs", "decode_json", "encode_json", "place_of", "read_json"]
