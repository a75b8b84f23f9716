// The part of LiteRT's Kotlin interface that generated sources use, as LiteRT 2 declares it.
package com.google.ai.edge.litert

import android.content.res.AssetManager

enum class Accelerator { NONE, CPU, GPU, NPU }

class Environment

class TensorBuffer : AutoCloseable {
    fun writeInt(data: IntArray) {}
    fun writeFloat(data: FloatArray) {}
    fun writeInt8(data: ByteArray) {}
    fun writeBoolean(data: BooleanArray) {}
    fun writeLong(data: LongArray) {}
    fun readInt(): IntArray = IntArray(0)
    fun readFloat(): FloatArray = FloatArray(0)
    fun readInt8(): ByteArray = ByteArray(0)
    fun readBoolean(): BooleanArray = BooleanArray(0)
    fun readLong(): LongArray = LongArray(0)
    override fun close() {}
}

class CompiledModel private constructor() : AutoCloseable {
    class Options constructor(vararg val accelerators: Accelerator)

    fun createInputBuffer(inputName: String, signature: String? = null): TensorBuffer = TensorBuffer()
    fun createOutputBuffer(outputName: String, signature: String? = null): TensorBuffer = TensorBuffer()
    fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null) {}
    override fun close() {}

    companion object {
        fun create(
            assetManager: AssetManager,
            assetName: String,
            options: Options,
            optionalEnv: Environment? = null
        ): CompiledModel = CompiledModel()
    }
}
