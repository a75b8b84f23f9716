"""The commands in flow order; each one imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

from tfcompress.cli import (
    before_after,
    channel_graph,
    check,
    chips,
    compare,
    completion,
    compress,
    convert,
    energy,
    export_android,
    export_c,
    golden,
    inspect,
    latency,
    layer_errors,
    pack,
    preflight,
    quantize,
    report,
    sensitivity,
    sparsity,
)

COMMANDS = {
    module.COMMAND.name: module.COMMAND
    for module in (
        preflight,
        sparsity,
        channel_graph,
        compress,
        convert,
        quantize,
        inspect,
        check,
        chips,
        compare,
        report,
        layer_errors,
        sensitivity,
        before_after,
        latency,
        energy,
        pack,
        export_c,
        export_android,
        golden,
        completion,
    )
}
