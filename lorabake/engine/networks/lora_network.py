"""The former place of the network; see network.py and attaching.py."""

from lorabake.engine.networks.attaching import network_for
from lorabake.engine.networks.network import LayeredNetwork as LoraNetwork

__all__ = ["LoraNetwork", "network_for"]
