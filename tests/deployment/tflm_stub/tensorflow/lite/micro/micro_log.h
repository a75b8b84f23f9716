// Where TensorFlow Lite Micro prints.
#pragma once
#include <cstdarg>
void MicroPrintf(const char* format, ...);
