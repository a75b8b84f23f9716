package org.junit

annotation class Test

class Assert {
    companion object {
        fun assertEquals(message: String, expected: Int, actual: Int) {}
        fun assertEquals(message: String, expected: Float, actual: Float, delta: Float) {}
    }
}
