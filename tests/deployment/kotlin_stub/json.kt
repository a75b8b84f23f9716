package org.json

class JSONArray {
    fun length(): Int = 0
    fun getInt(index: Int): Int = 0
    fun getDouble(index: Int): Double = 0.0
    fun getJSONArray(index: Int): JSONArray = this
    fun getJSONObject(index: Int): JSONObject = JSONObject("")
}

class JSONObject(json: String) {
    fun getString(name: String): String = ""
    fun getJSONArray(name: String): JSONArray = JSONArray()
}
