"""The first lines of a child process: run as a script by `python -I`, before any other module is imported.

In: a JSON text in the arguments: the search path of the parent, where its tfcompress lies, what to serve. Out: nothing.
With `-I` neither the current folder nor PYTHONPATH is searched, so no module that lies around there can be executed.
"""

import sys


def main() -> None:
    """Take over the parent's search path and its very tfcompress, then serve."""
    import json
    from importlib.util import module_from_spec, spec_from_file_location

    settings = json.loads(sys.argv[1])
    sys.path[:] = settings["path"]
    folder = settings["package"]
    # The package is loaded by its place: the folder around it may hold anything and is not searched for it.
    spec = spec_from_file_location("tfcompress", f"{folder}/__init__.py", submodule_search_locations=[folder])
    sys.modules["tfcompress"] = package = module_from_spec(spec)
    spec.loader.exec_module(package)

    from tfcompress.isolation.serve_requests import serve

    serve(settings["target"], settings["parent"])


if __name__ == "__main__":
    main()
