"""Sessions: what a server keeps of a client between its calls."""

from actionhero.sessions.session import Session
from actionhero.sessions.sessions import Proof, Sessions

__all__ = ["Proof", "Session", "Sessions"]
