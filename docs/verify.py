#!/usr/bin/env python3
"""Checks an archive of Jabber Archive without the program that wrote it: python3 verify.py FOLDER [--expect DIGEST]

FOLDER is the archive, DIGEST a head digest that a run printed, from where it was kept since. Nothing is written.
Each thing that is wrong is one line, the object first. The exit code is 0 if there is none, else 1.
docs/archive.md describes every file that is read here, docs/proof.md what follows from the result.
"""
import argparse, hashlib, json, os, re, sys
from datetime import datetime, timedelta

parser = argparse.ArgumentParser(usage="verify.py FOLDER [--expect DIGEST]")
parser.add_argument("folder")
parser.add_argument("--expect")
options = parser.parse_args()
ENTRY, DIGEST, ID = r"ledger/(\d{8}|[1-9]\d{8,})\.json", "[0-9a-f]{64}", "[a-z2-7]{26}"
problems, complete = set(), True
# What reading ends in where something else stands than what is expected.
FORGED = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)

def wrong(path, why):
    problems.add(f"{path}: {why}")

def read(path, digest=None, by=None):
    """The content of a file and its SHA-256; no content if it is missing, or is not as something else names it."""
    content, hasher = [], hashlib.sha256()
    try:
        with open(os.path.join(options.folder, path), "rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                hasher.update(piece)
                content += [] if path.startswith("attachments/") else [piece]  # attachments may be larger than memory
    except (FileNotFoundError, NotADirectoryError):
        return wrong(path, "missing"), None
    if digest not in (None, hasher.hexdigest()):
        return wrong(path, f"changed: {by} names another digest"), None
    return b"".join(content), hasher.hexdigest()

def matching(pattern, texts):
    """The texts, each of which has to be of this form."""
    if not all(re.fullmatch(pattern, text) for text in texts):
        raise ValueError("a name that is none")
    return texts

def folder_of(span):
    """Where the mails of a window lie: by day, and by time where it is shorter. What is dated before 2000 lies together."""
    start, end = (datetime.strptime(span[side], "%Y-%m-%dT%H:%M:%S.%fZ") for side in ("start", "end"))
    day = "%Y/%m/%d" if end - start == timedelta(days=1) else "%Y/%m/%d/%H%M"
    return "items/" + (start.strftime(day) if start.year >= 2000 else "undated")

def sums(seal):
    """What does not add up: everything that was read is archived, or the seal says why not."""
    for table, rows in seal["tables"].items():
        if rows["rows"] != sum(rows[part] for part in ("starts", "folded", "presence", "dead_letters")) + sum(rows["skipped"].values()):
            yield f"rows of {table}"
    messages = seal["messages"]
    parts = sum(messages[part] for part in ("listed", "dead_letters", "elsewhere")) + sum(messages.get("filtered", {}).values())
    if not messages["starts"] == parts == sum(rows["starts"] for rows in seal["tables"].values()):
        yield "messages"

# 1. The chain: each entry names the digest of the file before it, of `archive.json` for the first, and of all that it vouches for.
paths = (os.path.join(place, name) for place, _, names in os.walk(options.folder) for name in names)
files = {os.path.relpath(path, options.folder) for path in paths if not re.search(r"#\d+$", path)}  # `#1`: of a write that was killed
numbers = sorted(int(path[7:-5]) for path in files if re.fullmatch(ENTRY, path))
seals, kept, abandoned, seen = [], {}, set(), set()
before, frontier, follows = "archive.json", {"end": None, "undated": False, "seal": None}, True
content, before_digest = read(before)
try:
    domain = json.loads(content or "{}").get("message_id_domain", "").encode()
except FORGED:
    domain = wrong(before, "damaged") or b""
for last, number in zip([0] + numbers, numbers):
    for gone in range(last + 1, min(number, last + 1001)):
        wrong(f"ledger/{gone:08}.json", "missing")
        before_digest, follows, complete = None, False, False
    path = f"ledger/{number:08}.json"
    content, digest = read(path)
    seen.add(digest)
    try:
        entry = json.loads(content)
        (kind, record), = [pair for pair in entry.items() if pair[0] not in ("number", "previous", "frontier")]
        if entry["number"] != number or kind not in ("seal", "addendum", "run", "export", "import"):
            raise ValueError("another number, or a kind that only a newer version knows")
        if before_digest not in (None, entry["previous"]):
            wrong(path if before_digest == options.expect else before, f"{path} names another digest of {before}")
        contexts = [record[name] for name in ("context", "filter", "configuration", "selection") if record.get(name)]
        after = dict(frontier if follows else entry["frontier"])
        if kind in ("seal", "addendum"):
            folder, span = folder_of(record["span"]), record["span"]
            undated = folder == "items/undated"
            if kind == "addendum":
                if follows and not (frontier["undated"] if undated else span["end"] <= (frontier["end"] or "")):
                    wrong(path, "it adds to a window that is not sealed")
            else:
                after.update({"undated": True} if undated else {"end": span["end"], "seal": number})
                if not undated and follows and frontier["end"] not in (None, span["start"]):
                    wrong(path, "its window does not begin where the one sealed before it ends")
            for what in sums(record):
                wrong(path, f"the {what} do not add up")
            lists = matching(DIGEST, [record["list"]] if record["list"] else [])
            kept.update((f"dead-letters/{name}.json", (name, path)) for name in matching(DIGEST, record["dead_letters"]))
            seals += [(path, record, folder, name) for name in lists]
        kept.update((f"context/{name}.json", (name, path)) for name in matching(DIGEST, contexts))
        receipts = [record["receipts"]] if record.get("receipts") else []
        kept.update((f"ledger/receipts/{name}.jsonl", (name, path)) for name in matching(DIGEST, receipts))
        abandoned.update(record.get("abandoned", []))
        if entry["frontier"] != after:
            wrong(path, "its frontier does not follow from the entries before")
        frontier, follows = entry["frontier"], True
    except FORGED as error:
        wrong(path, f"damaged: {error}")
        follows, complete = False, False
    before, before_digest = path, digest
if options.expect and options.expect not in seen:
    last = before if numbers else "ledger/00000001.json"
    wrong(last, "no entry has the expected digest: this one was changed, or those behind it were removed")

# 2. What entries name by digest, and the mails that their lists name.
for path, (name, by) in kept.items():
    read(path, name, by)
mails, attachments = set(), {path for path in files if re.fullmatch("attachments/" + DIGEST, path)}
for entry, seal, folder, digest in seals:
    path = f"ledger/lists/{digest}.jsonl"
    content, _ = read(path, digest, entry)
    try:
        lines = [json.loads(line) for line in (content or b"").splitlines()]
        matching(ID, [line["id"] for line in lines])
        matching(DIGEST, [name for line in lines for name in line.get("attachments", []) + [line["sha256"]]])
        counts = [len(lines), sum(line["bytes"] for line in lines), sum(len(line["messages"]) for line in lines)]
    except FORGED as error:
        content = wrong(path, f"damaged: {error}")
    if content is None:
        complete = False
        continue
    if counts != [seal["items"], seal["bytes"], seal["messages"]["listed"]]:
        wrong(entry, f"its counts are not those of {path}")
    for line in lines:
        mail = f"{folder}/{line['id']}.eml"
        if mail in mails:
            wrong(path, f"it lists {mail} again")
        mails.add(mail)
        attachments.update(f"attachments/{name}" for name in line.get("attachments", []))
        head = (read(mail, line["sha256"], path)[0] or b"").split(b"\r\n\r\n")[0].replace(b"\r\n", b"\n")
        name = re.search(b"(?im)^Message-ID: <(.*)@" + re.escape(domain) + b">$", head)
        if name and name[1] != line["id"].encode():
            wrong(mail, "its Message-ID is that of another mail")
for path in attachments:
    read(path, path[-64:], "its own name")

# 3. What no list names: mails of windows that are not sealed yet, those that an entry says count for nothing, and what somebody added.
pending = ignored = 0
KNOWN = f"{ENTRY}|ledger/(lists|receipts)/{DIGEST}\\.jsonl|(context|dead-letters)/{DIGEST}\\.json"
for path in files - mails - attachments:
    mail = re.fullmatch(rf"items/(undated|\d{{4}}/(?:0\d|1[0-2])/(?:[0-2]\d|3[01])(?:/\d{{4}})?)/({ID})\.eml", path)
    if not mail:
        ours = path.startswith(("items/", "ledger/", "context/", "dead-letters/", "attachments/"))
        if ours and not re.fullmatch(KNOWN, path):
            wrong(path, "extra: it is no part of the archive")
        continue
    start, end = (re.sub(r"\D", "", text)[:12] for text in (mail[1], frontier["end"] or ""))  # 202611210600, or 20261121
    start += end[len(start):]  # windows of a day start at the time at which the last sealed one ends
    if mail[2] in abandoned:
        ignored += 1
    elif not (frontier["undated"] if mail[1] == "undated" else start < end):
        pending += 1
    elif complete:  # else a list or an entry that cannot be read may name it
        wrong(path, "extra: no list names it")

sys.stdout.reconfigure(errors="backslashreplace")
print(*sorted(problems), sep="\n", end="\n" if problems else "")
print(f"{pending} mails of windows that are not sealed yet, {ignored} that an entry says count for nothing")
print(f"{len(problems)} problems in {len(numbers)} entries and {len(mails)} mails; head digest {before_digest}")
sys.exit(1 if problems else 0)
