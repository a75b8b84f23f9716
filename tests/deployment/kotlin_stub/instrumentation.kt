package androidx.test.platform.app

class Instrumentation {
    val targetContext = android.content.Context()
}

object InstrumentationRegistry {
    fun getInstrumentation() = Instrumentation()
}
