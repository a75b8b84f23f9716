// Android's assets.
package android.content.res

class AssetManager {
    fun open(fileName: String): java.io.InputStream = java.io.ByteArrayInputStream(ByteArray(0))
}
