"""The other servers: who is alive, and calling functions on them."""

from actionhero.peers.functions import PeerFunction
from actionhero.peers.peer import ALL, ANY, Peer, PeerEvent, PeerReply
from actionhero.peers.peers import Peers

__all__ = ["ALL", "ANY", "Peer", "PeerEvent", "PeerFunction", "PeerReply", "Peers"]
