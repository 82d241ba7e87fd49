"""What the wiring of every pipeline with protocols shares: their tables, put below each other."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Node

from xraylab.evaluation.protocols import combine_protocols

__all__ = ["combine_tables", "inputs_of_protocols"]


def combine_tables(protocols: Sequence[str], tables: Sequence[str]) -> list[Node]:
    """Return a node a table that puts ``<protocol>_<table>`` of all protocols below each other, as ``<table>``."""
    return [
        Node(
            combine_protocols,
            {protocol: f"{protocol}_{table}" for protocol in protocols},
            table,
            name=f"combine_{table}",
        )
        for table in tables
    ]


def inputs_of_protocols(
    pipeline: str, protocols: Sequence[str], names: Sequence[str]
) -> dict[str, str]:
    """Return the data set ``<pipeline>.<protocol>.<name>`` by ``<protocol>_<name>``."""
    return {
        f"{protocol}_{name}": f"{pipeline}.{protocol}.{name}"
        for protocol in protocols
        for name in names
    }
