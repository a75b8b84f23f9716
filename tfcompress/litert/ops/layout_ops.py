"""Ops that move, repeat, leave out or join values without computing new ones, and images resized.

    result = values of x in another order, shape or number

Sources: as `op_catalogue` says.
"""

from __future__ import annotations

from tfcompress.litert.ops.op_spec import FEWER_AXES, CmsisGap, OpSpec, has_5_axes_in_int8

PADS_LESS = CmsisGap(has_5_axes_in_int8, "pads the last 4 axes only, without a word", FEWER_AXES)

SPECS = (
    OpSpec(
        "RESHAPE",
        keeps_factors="always",
        int16=1,
        scale="shared",
        moves=True,
        shape_from=1,
        gpu=True,
        tflm="AddReshape",
    ),
    OpSpec("SQUEEZE", keeps_factors="always", int16=1, scale="shared", moves=True, tflm="AddSqueeze"),
    OpSpec("EXPAND_DIMS", keeps_factors="always", int16=1, scale="shared", moves=True, tflm="AddExpandDims"),
    OpSpec(
        "TRANSPOSE",
        int16=5,
        scale="shared",
        moves=True,
        gpu=True,
        tflm="AddTranspose",
        cmsis_nn=(CmsisGap(has_5_axes_in_int8, "takes at most 4 axes", FEWER_AXES),),
    ),
    OpSpec("REVERSE_V2", tflm="AddReverseV2"),
    OpSpec(
        "CONCATENATION",
        int16=3,
        scale="shared",
        copied="all",
        joins="parts",
        any_number=True,
        gpu=True,
        tflm="AddConcatenation",
    ),
    OpSpec("PACK", int16=3, scale="shared", copied="all", joins="parts", any_number=True, gpu=True, tflm="AddPack"),
    OpSpec("UNPACK", int16=4, scale="shared", any_number=True, tflm="AddUnpack"),
    OpSpec("SPLIT", int16=4, scale="shared", any_number=True, gpu=True, tflm="AddSplit"),
    OpSpec("SPLIT_V", int16=2, scale="shared", any_number=True, gpu=True, tflm="AddSplitV"),
    OpSpec("SLICE", int16=4, scale="shared", shape_from=1, gpu=True, tflm="AddSlice"),
    OpSpec("STRIDED_SLICE", int16=4, scale="shared", shape_from=1, gpu=True, tflm="AddStridedSlice"),
    OpSpec("DYNAMIC_UPDATE_SLICE", gpu=True, tflm="AddDynamicUpdateSlice"),
    OpSpec("GATHER", int16=4, scale="shared", gpu=True, tflm="AddGather", unpacked=(0,)),
    OpSpec("GATHER_ND", int16=3, scale="shared", tflm="AddGatherNd"),
    OpSpec("EMBEDDING_LOOKUP", gpu=True, tflm="AddEmbeddingLookup", unpacked=(1,)),
    OpSpec("ONE_HOT", copied=(2, 3), gpu=True),
    OpSpec(
        "PAD",
        keeps_factors="padding",
        int16=3,
        scale="shared",
        shape_from=1,
        gpu=True,
        tflm="AddPad",
        cmsis_nn=(PADS_LESS,),
    ),
    OpSpec("PADV2", int16=3, scale="shared", copied=(2,), gpu=True, tflm="AddPadV2", cmsis_nn=(PADS_LESS,)),
    OpSpec("MIRROR_PAD", int16=3, scale="shared", gpu=True, tflm="AddMirrorPad"),
    OpSpec("TILE", int16=1, scale="shared", shape_from=1, gpu=True),
    OpSpec("BROADCAST_TO", shape_from=1, tflm="AddBroadcastTo"),
    OpSpec("BROADCAST_ARGS", tflm="AddBroadcastArgs"),
    OpSpec("FILL", shape_from=0, tflm="AddFill"),
    OpSpec("RANGE", shape_from=0),
    OpSpec("ZEROS_LIKE", tflm="AddZerosLike"),
    OpSpec("SHAPE", tflm="AddShape"),
    OpSpec("SPACE_TO_DEPTH", gpu=True, tflm="AddSpaceToDepth"),
    OpSpec("DEPTH_TO_SPACE", gpu=True, tflm="AddDepthToSpace"),
    OpSpec("SPACE_TO_BATCH_ND", int16=4, scale="shared", tflm="AddSpaceToBatchNd"),
    OpSpec("BATCH_TO_SPACE_ND", int16=4, scale="shared", tflm="AddBatchToSpaceNd"),
    OpSpec("RESIZE_BILINEAR", keeps_factors="always", int16=4, scale="shared", gpu=True, tflm="AddResizeBilinear"),
    OpSpec(
        "RESIZE_NEAREST_NEIGHBOR",
        keeps_factors="always",
        int16=4,
        scale="shared",
        gpu=True,
        tflm="AddResizeNearestNeighbor",
    ),
    OpSpec("UNIQUE", open_size=True),
    OpSpec("WHERE", open_size=True),
    OpSpec("DENSIFY", gpu=True),
)
