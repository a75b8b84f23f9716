"""Ops that are no builtins of LiteRT: those that TFLM registers by a name of its own.

    "SignalRfft", "ethos-u", … as files call them

Sources: as `op_catalogue` says.
"""

from __future__ import annotations

from tfcompress.litert.ops.op_spec import OpSpec

SPECS = (
    OpSpec("BasicClassifier", tflm="AddBasicClassifier"),
    OpSpec("CIRCULAR_BUFFER", keeps_state=True, tflm="AddCircularBuffer"),
    OpSpec("SignalDelay", keeps_state=True, tflm="AddDelay"),
    OpSpec("SignalEnergy", tflm="AddEnergy"),
    OpSpec("SignalFftAutoScale", tflm="AddFftAutoScale"),
    OpSpec("SignalFilterBank", tflm="AddFilterBank"),
    OpSpec("SignalFilterBankLog", tflm="AddFilterBankLog"),
    OpSpec("SignalFilterBankSpectralSubtraction", keeps_state=True, tflm="AddFilterBankSpectralSubtraction"),
    OpSpec("SignalFilterBankSquareRoot", tflm="AddFilterBankSquareRoot"),
    OpSpec("SignalFramer", keeps_state=True, tflm="AddFramer"),
    OpSpec("SignalIrfft", tflm="AddIrfft"),
    OpSpec("SignalOverlapAdd", keeps_state=True, tflm="AddOverlapAdd"),
    OpSpec("SignalPCAN", tflm="AddPCAN"),
    OpSpec("SignalRfft", tflm="AddRfft"),
    OpSpec("SignalStacker", keeps_state=True, tflm="AddStacker"),
    OpSpec("SignalWindow", tflm="AddWindow"),
    OpSpec("TFLM_DECODE", tflm="AddDecode"),
    OpSpec("TFLite_Detection_PostProcess", tflm="AddDetectionPostprocess"),
    OpSpec("ethos-u", tflm="AddEthosU"),
)
