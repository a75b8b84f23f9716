"""How others build a microcontroller package: with CMake, as a library of PlatformIO or of Arduino.

In: the name of a package, its file names. Out: texts by file name.
Sources: PlatformIO's and Arduino's specifications of a library, `library.json` and `library.properties`.
"""

from __future__ import annotations

import json

from tfcompress import __version__


def build_files(name: str, sources: list[str], origin: str) -> dict[str, str]:
    """Return the build files.

    Args:
        name: The C++ namespace, and how file names begin.
        sources: The files that are compiled.
        origin: What the package was made of, in a sentence.
    """
    return {
        "CMakeLists.txt": _cmake(name, sources, origin),
        "library.json": _platformio(name, sources, origin),
        "library.properties": _arduino(name, origin),
    }


def _cmake(name: str, sources: list[str], origin: str) -> str:
    return f"""# {origin}
cmake_minimum_required(VERSION 3.13)
project({name}_model LANGUAGES CXX)

if(NOT TARGET "${{TFLM_TARGET}}")
  message(FATAL_ERROR "TFLM_TARGET must name the target of TensorFlow Lite Micro, which your build makes before this "
    "folder: set(TFLM_TARGET tflite-micro). Received: '${{TFLM_TARGET}}'")
endif()

add_library({name}_model STATIC {" ".join(sources)})
target_include_directories({name}_model PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
target_compile_features({name}_model PUBLIC cxx_std_17)
target_link_libraries({name}_model PUBLIC ${{TFLM_TARGET}})
"""


def _platformio(name: str, sources: list[str], origin: str) -> str:
    library = {
        "name": f"{name}_model",
        "version": __version__,
        "description": origin,
        "headers": f"{name}_interpreter.h",
        "frameworks": "*",
        "platforms": "*",
        "build": {
            "srcDir": ".",
            "includeDir": ".",
            "srcFilter": ["-<*>", *(f"+<{source}>" for source in sources)],
            "flags": "-std=gnu++17",
            "unflags": ["-std=gnu++11", "-std=gnu++14"],
        },
    }
    return json.dumps(library, indent=2) + "\n"


def _arduino(name: str, origin: str) -> str:
    return f"""# {origin}
name={name}_model
version={__version__}
author=tfcompress
maintainer=tfcompress
sentence=A model for TensorFlow Lite Micro.
paragraph={origin}
category=Data Processing
url=https://github.com/tensorflow/tflite-micro
architectures=*
includes={name}_interpreter.h
"""
