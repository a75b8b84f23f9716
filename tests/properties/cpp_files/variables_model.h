#ifndef VARIABLES_MODEL_H_
#define VARIABLES_MODEL_H_

namespace variables {

// The .tflite file, aligned as TFLM needs it. Keep it in flash: it is constant.
extern const unsigned char kModel[];
constexpr unsigned int kModelSize = SIZE;

// The least arena in which TFLM allocates and runs the model, found on a 64-bit computer, where pointers take twice as
// much; align it to 16 bytes. Do not lower it to `arena_used_bytes()`: that is what stays in use, and allocating
// the tensors needs more for a while. Where AllocateTensors fails with kernels that want more scratch memory, raise it.
constexpr unsigned int kArenaSize = 4321;

// Resource variables of the model; `Interpreter` makes room for them in the arena.
constexpr int kResourceVariables = 2;

}  // namespace variables

#endif  // VARIABLES_MODEL_H_
