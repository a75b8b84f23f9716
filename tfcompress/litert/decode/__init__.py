"""What TFLM's op DECODE makes of packed constants, and how they are packed: a method a file."""
