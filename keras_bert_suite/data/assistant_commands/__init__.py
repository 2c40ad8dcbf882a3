"""Bundled assistant commands: short English sentences, each with one intent and marked slots."""
