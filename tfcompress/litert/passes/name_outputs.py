"""Outputs get names that tell the layer; the converter calls them StatefulPartitionedCall.

StatefulPartitionedCall:0, which the signature calls output_0   →   model/digit/output_0
"""

from __future__ import annotations

from collections.abc import Mapping

from tfcompress.litert.graph import Graph


def name_outputs(graph: Graph, names: Mapping[str, str]) -> None:
    """Rename the values that are outputs.

    Args:
        graph: The main graph of a file.
        names: Name of the value by name of the output in the signature; a value that is an input keeps its name.
    """
    for signature in graph.signatures:
        for key, value in signature.outputs:
            if names.get(key) and value not in graph.inputs:
                value.name = names[key]
