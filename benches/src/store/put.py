"""Puts the files of a folder into a container, and prints how many seconds that took.

Arguments: the container's address with a signature, the prefix, the folder, the number of threads.
"""

import pathlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from azure.storage.blob import ContainerClient

address, prefix, folder, threads = sys.argv[1:]
items = [(path.name, path.read_bytes()) for path in pathlib.Path(folder).iterdir()]
own = threading.local()


def begin():
    # One for each thread: a client that all share keeps ten connections, and opens one for every other request.
    own.container = ContainerClient.from_container_url(address)


def put(item):
    name, content = item
    own.container.upload_blob(f"{prefix}/{name}", content, overwrite=False)


with ThreadPoolExecutor(int(threads), initializer=begin) as pool:
    begun = time.perf_counter()
    for _ in pool.map(put, items):
        pass
    print(time.perf_counter() - begun)
