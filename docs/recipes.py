#!/usr/bin/env python3
"""How ids and digests of an archive are made, and whether they are as in vectors.json: python3 recipes.py vectors.json

Nothing here comes from the program. The exit code is 0 if all vectors are right, else 1.
"""
import base64, hashlib, json, sys


def encoded(fields):
    """Text behind its length in bytes, four of them, the highest first; an integer is the text of its decimal digits."""
    texts = [str(field).encode("utf-8") for field in fields]
    return b"".join(len(text).to_bytes(4, "big") + text for text in texts)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def short(content):
    """The first 16 bytes of the digest."""
    return sha256(content)[:32]


def item_id(content):
    """The first 26 characters of the digest in base32 (RFC 4648), in lower case."""
    return base64.b32encode(hashlib.sha256(content).digest()).decode().lower()[:26]


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        vectors = json.load(file)
    made = []
    for vector in vectors["recipes"]:
        content = encoded(vector["fields"])
        results = {"encoded": content.hex(), "sha256": sha256(content), "short": short(content), "id": item_id(content)}
        made += [(vector["what"], results[name], said) for name, said in vector.items() if name in results]
    chain = vectors["chain"]
    archive, entry = (chain[name].encode("utf-8") for name in ("archive.json", "ledger/00000001.json"))
    made.append(("`previous` of entry 1", sha256(archive), json.loads(entry)["previous"]))
    made.append(("head digest", sha256(entry), chain["head"]))
    wrong = [f"{what}: {ours}, and not {said}" for what, ours, said in made if ours != said]
    print(*wrong, f"{len(made) - len(wrong)} of {len(made)} vectors are right", sep="\n")
    sys.exit(1 if wrong or not made else 0)
