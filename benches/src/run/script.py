"""Reads `jm` by pymssql and writes a mail of each conversation and day by Python's email.

Arguments: the port, the folder. Prints how many seconds that took, and how many mails there are.
"""

import html
import pathlib
import re
import sys
import time
from collections import defaultdict
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime

import pymssql

port, folder = sys.argv[1:]
folder = pathlib.Path(folder)
folder.mkdir(parents=True)
stanza_id = re.compile(r"\bid='([^']*)'")

begun = time.perf_counter()
connection = pymssql.connect(
    server="127.0.0.1", port=port, user="jabber_reader", password="demo", tds_version="7.4", autocommit=True, conn_properties="", encryption="off"
)
cursor = connection.cursor()
cursor.execute(
    "SELECT [sent_date], [to_jid], [from_jid], [body_string], CAST([body_text] AS nvarchar(max)) AS [body_text], [message_string], "
    "CAST([message_text] AS nvarchar(max)) AS [message_text] FROM [dbo].[jm]"
)
conversations = defaultdict(dict)
for sent, to, sender, short, long, stanza, long_stanza in cursor:
    to, sender = to.split("/")[0].lower(), sender.split("/")[0].lower()
    body = short or long
    found = stanza_id.search(stanza or long_stanza or "")
    key = (found.group(1) if found else sent, sender, body)
    messages = conversations[sent.date(), *sorted((to, sender))]
    if key not in messages or sent < messages[key]:
        messages[key] = sent

for number, ((day, one, other), messages) in enumerate(sorted(conversations.items(), key=lambda item: item[0])):
    lines = sorted((sent, sender, body) for (_, sender, body), sent in messages.items())
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = lines[0][1], f"{one}, {other}", f"Jabber: {one}, {other}"
    mail["Date"], mail["Message-ID"] = format_datetime(lines[0][0]), f"<{day}-{one.replace('@', '.')}-{other.replace('@', '.')}@script.invalid>"
    mail.set_content("".join(f"[{sent:%H:%M:%S}] {sender}: {body}\n" for sent, sender, body in lines))
    rows = "".join(f"<p><b>{html.escape(sender)}</b> {sent:%H:%M:%S}<br>{html.escape(body)}</p>" for sent, sender, body in lines)
    mail.add_alternative(f"<html><body>{rows}</body></html>", subtype="html")
    (folder / f"{number}.eml").write_bytes(mail.as_bytes())
print(time.perf_counter() - begun, len(conversations))
