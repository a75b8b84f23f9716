"""Constants that are alike are written once."""

import numpy as np

from tests.properties.graphs import constant
from tfcompress.litert.graph import EditableFile, Graph
from tfcompress.litert.passes.share_constants import share_constants


def test_constants_of_the_same_bytes_share_them_and_variables_do_not():
    graph, other = Graph("main"), Graph("body")
    array = np.arange(6, dtype=np.float32)
    first, same, shaped = (constant(graph, array), constant(graph, array), constant(graph, array.reshape(2, 3)))
    different, variable = constant(graph, array + 1), constant(graph, array)
    variable.is_variable = True
    inside = constant(other, array)
    share_constants(EditableFile([graph, other]))
    assert same.content is first.content
    assert shaped.content is first.content
    assert inside.content is first.content
    assert different.content is not first.content
    assert variable.content is not first.content
    assert np.array_equal(shaped.data, array.reshape(2, 3))
    assert np.array_equal(different.data, array + 1)
