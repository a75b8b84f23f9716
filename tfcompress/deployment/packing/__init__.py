"""Constants of a file are packed for TFLM's op DECODE: which may be, how, within which arena, and the proof."""
