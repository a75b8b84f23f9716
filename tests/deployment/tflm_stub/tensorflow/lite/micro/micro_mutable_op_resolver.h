// The functions by which TensorFlow Lite Micro registers ops; each may be called once, and no more than there is room for.
#pragma once
#include "tensorflow/lite/micro/micro_interpreter.h"
struct TFLMRegistration {};
namespace tflite {
inline TFLMRegistration Register_ADD() { return {}; }
inline TFLMRegistration Register_ADD_INT8() { return {}; }
inline TFLMRegistration Register_ADD_INT16() { return {}; }
inline TFLMRegistration Register_MUL() { return {}; }
inline TFLMRegistration Register_MUL_INT8() { return {}; }
inline TFLMRegistration Register_CONV_2D() { return {}; }
inline TFLMRegistration Register_CONV_2D_INT8() { return {}; }
inline TFLMRegistration Register_CONV_2D_INT16() { return {}; }
inline TFLMRegistration Register_CONV_2D_INT4() { return {}; }
inline TFLMRegistration Register_DEPTHWISE_CONV_2D() { return {}; }
inline TFLMRegistration Register_DEPTHWISE_CONV_2D_INT8() { return {}; }
inline TFLMRegistration Register_DEPTHWISE_CONV_2D_INT16() { return {}; }
inline TFLMRegistration Register_DEPTHWISE_CONV_2D_INT4() { return {}; }
inline TFLMRegistration Register_FULLY_CONNECTED() { return {}; }
inline TFLMRegistration Register_FULLY_CONNECTED_INT8() { return {}; }
inline TFLMRegistration Register_FULLY_CONNECTED_INT16() { return {}; }
inline TFLMRegistration Register_FULLY_CONNECTED_INT4() { return {}; }
inline TFLMRegistration Register_AVERAGE_POOL_2D() { return {}; }
inline TFLMRegistration Register_AVERAGE_POOL_2D_INT8() { return {}; }
inline TFLMRegistration Register_AVERAGE_POOL_2D_INT16() { return {}; }
inline TFLMRegistration Register_MAX_POOL_2D() { return {}; }
inline TFLMRegistration Register_MAX_POOL_2D_INT8() { return {}; }
inline TFLMRegistration Register_MAX_POOL_2D_INT16() { return {}; }
inline TFLMRegistration Register_SOFTMAX() { return {}; }
inline TFLMRegistration Register_SOFTMAX_INT8() { return {}; }
inline TFLMRegistration Register_SOFTMAX_INT16() { return {}; }
inline TFLMRegistration Register_SOFTMAX_INT8_INT16() { return {}; }
inline TFLMRegistration Register_SVDF() { return {}; }
inline TFLMRegistration Register_SVDF_INT8() { return {}; }
inline TFLMRegistration Register_TRANSPOSE_CONV() { return {}; }
inline TFLMRegistration Register_TRANSPOSE_CONV_INT8() { return {}; }
inline TFLMRegistration Register_BATCH_MATMUL() { return {}; }
inline TFLMRegistration Register_BATCH_MATMUL_INT8() { return {}; }
inline TFLMRegistration Register_BATCH_MATMUL_INT16() { return {}; }
inline TFLMRegistration Register_UNIDIRECTIONAL_SEQUENCE_LSTM() { return {}; }
inline TFLMRegistration Register_UNIDIRECTIONAL_SEQUENCE_LSTM_INT8() { return {}; }
inline TFLMRegistration Register_UNIDIRECTIONAL_SEQUENCE_LSTM_INT16() { return {}; }
template <unsigned int tOpCount>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  unsigned int count = 0;
  TfLiteStatus AddAbs() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddAdd(const TFLMRegistration& = Register_ADD()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddAddN() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddArgMax() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddArgMin() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddAssignVariable() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddAveragePool2D(const TFLMRegistration& = Register_AVERAGE_POOL_2D()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddBatchMatMul(const TFLMRegistration& = Register_BATCH_MATMUL()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddBatchToSpaceNd() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddBroadcastArgs() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddBroadcastTo() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddCallOnce() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddCast() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddCeil() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddConcatenation() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddConv2D(const TFLMRegistration& = Register_CONV_2D()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddCos() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddCumSum() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddDepthToSpace() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddDepthwiseConv2D(const TFLMRegistration& = Register_DEPTHWISE_CONV_2D()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddDequantize() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddDiv() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddEmbeddingLookup() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddElu() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddEqual() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddEthosU() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddExp() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddExpandDims() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFill() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFloor() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFloorDiv() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFloorMod() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFullyConnected(const TFLMRegistration& = Register_FULLY_CONNECTED()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddGather() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddGatherNd() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddGreater() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddGreaterEqual() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddHardSwish() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddIf() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddL2Normalization() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddL2Pool2D() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLeakyRelu() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLess() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLessEqual() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLog() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLogicalAnd() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLogicalNot() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLogicalOr() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLogistic() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddLogSoftmax() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddMaximum() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddMaxPool2D(const TFLMRegistration& = Register_MAX_POOL_2D()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddMirrorPad() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddMean() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddMinimum() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddMul(const TFLMRegistration& = Register_MUL()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddNeg() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddNotEqual() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddPack() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddPad() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddPadV2() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddPrelu() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddQuantize() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddReadVariable() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddReduceMax() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddRelu() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddRelu6() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddReshape() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddResizeBilinear() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddResizeNearestNeighbor() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddReverseV2() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddRound() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddRsqrt() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSelectV2() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddShape() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSin() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSlice() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSoftmax(const TFLMRegistration& = Register_SOFTMAX()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSpaceToBatchNd() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSpaceToDepth() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSplit() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSplitV() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSqueeze() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSqrt() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSquare() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSquaredDifference() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddStridedSlice() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSub() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSum() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddSvdf(const TFLMRegistration& = Register_SVDF()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddTanh() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddTransposeConv(const TFLMRegistration& = Register_TRANSPOSE_CONV()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddTranspose() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddUnpack() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddUnidirectionalSequenceLSTM(const TFLMRegistration& = Register_UNIDIRECTIONAL_SEQUENCE_LSTM()) { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddVarHandle() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddWhile() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddZerosLike() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddBasicClassifier() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddCircularBuffer() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddDecode() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddDelay() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddDetectionPostprocess() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddDynamicUpdateSlice() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddEnergy() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFftAutoScale() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFilterBank() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFilterBankLog() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFilterBankSpectralSubtraction() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFilterBankSquareRoot() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddFramer() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddIrfft() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddOverlapAdd() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddPCAN() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddReduceAll() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddReduceMin() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddRfft() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddStacker() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddWindow() { return ++count <= tOpCount ? kTfLiteOk : kTfLiteError; }
};
}  // namespace tflite
